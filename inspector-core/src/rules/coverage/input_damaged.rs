use crate::{
    evidence::{Evidence, SourceId},
    exchange::Mark,
    finding::{Concern, Draft, Severity},
    handshake::observation::{Observation, has},
    note::{Note, NoteKind},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

declare_rule! {
    /// The input is damaged: it ends inside a record, a block contradicts itself, or an entry could not be read.
    ///
    /// # Evidence
    /// The place and the reader's words.
    ///
    /// # Traps
    /// A recording that ends between two packets or entries is as good as one that was stopped there. One that ends inside
    /// a packet or an entry is not: that one is known to have been there, and any request can be in it, as in one in the
    /// middle that could not be read. Likewise a field of an entry without name or value is not one that was not sent.
    pub(crate) InputDamaged = "COV-010" "input-damaged" Medium,
    title: "The input is damaged",
    remedy: "Copy the recording again and compare the sizes; stop the recorder properly before copying.",
    source: "draft-ietf-opsawg-pcap; HTTP Archive 1.2",
    reference: "https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/",
}

/// An input of which nothing could be read: any request can be in it.
pub(crate) fn unreadable(input: SourceId, why: &str) -> Draft {
    InputDamaged::META
        .about(Concern::Anything)
        .title("An input could not be read")
        .detail(mask::text(why))
        .remedy("Check its path and format, copy it again, or leave it out.")
        .evidence(Evidence { input, ..Evidence::default() })
        .overturns()
}

/// A part of a recording is not there, or cannot be judged as it was: any request can be in it.
pub(crate) fn lacks_part(input: SourceId, why: &str) -> Draft {
    unreadable(input, why)
        .title("A part of the recording is not there as it was")
        .remedy(
            "Merge the partial results of all parts, each once, as inspector check --partial wrote them; or check the \
             recording as a whole.",
        )
}

/// What is wrong between two files of a recording that was written in several. A file that is missing in the middle can
/// hold any request; what was recorded twice hides none.
fn of_set(input: SourceId, note: &Note) -> Draft {
    let place = note.at.and_then(crate::evidence::At::frame).filter(|frame| *frame > 0);
    let evidence = Evidence { input, frame: place, ..Evidence::default() };
    match note.kind {
        NoteKind::FilesMissing { count } => InputDamaged::META
            .about(Concern::Input(input))
            .title("Files are missing in the middle of the recording")
            .detail(match count {
                1 => "the file before this one is missing: one number is left out".to_owned(),
                count => format!("{count} files before this one are missing: their numbers are left out"),
            })
            .remedy("Add the missing files, or judge the files before and after the hole by themselves.")
            .evidence(evidence)
            .overturns(),
        _ => InputDamaged::META
            .about(Concern::Nothing)
            .severity(Severity::Low)
            .title("Files of the recording overlap in time")
            .detail("it begins before the file before it ends; what is in both is counted as duplicate packets")
            .remedy("Nothing, if one recorder wrote them; otherwise give recordings of several recorders other names.")
            .evidence(evidence),
    }
}

/// A recording that does not show all that was sent, or not as it was sent.
fn not_as_sent(input: SourceId, note: &Note, title: &'static str, how: &str) -> Draft {
    let evidence = Evidence { input, entry: note.at.and_then(crate::evidence::At::entry), ..Evidence::default() };
    InputDamaged::META
        .about(Concern::Anything)
        .title(title)
        .subject(title)
        .detail(how.to_owned())
        .remedy("Give the whole recording as it was made, or a capture of the packets.")
        .evidence(evidence)
        .overturns()
}

impl Rule for InputDamaged {
    fn occasions(&self) -> Occasions {
        Occasions::INCOMPLETE
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let what = [
            (Mark::EntryCut, "the recording ends inside an entry"),
            (Mark::EntryMalformed, "a part of an entry has no name, no value, or none that can be read"),
        ];
        for (mark, words) in what {
            if has(observation, mark) {
                let detail = format!("{}: {words}", observation.host_name);
                context
                    .find(Self::META.of(observation).detail(detail).overturns().evidence(observation.request_line()));
            }
        }
    }

    fn note(&mut self, input: SourceId, note: &Note, context: &mut Context<'_>) {
        let (detail, hides) = match &note.kind {
            NoteKind::TruncatedInput { offset } => {
                (format!("it ends inside the piece that begins at byte {offset}"), Some(Concern::Input(input)))
            }
            // Names of addresses hide nothing.
            NoteKind::MalformedBlock { what } if what.contains("name resolution") => ((*what).to_owned(), None),
            NoteKind::HarmlessDamage { what } => ((*what).to_owned(), None),
            NoteKind::MalformedBlock { what } => ((*what).to_owned(), Some(Concern::Input(input))),
            NoteKind::DamagedCompression { what } => {
                (format!("its compression is damaged: {}", mask::text(what)), Some(Concern::Input(input)))
            }
            NoteKind::EntrySkipped { why } => {
                (format!("an entry was skipped: {}", mask::text(why)), Some(Concern::Anything))
            }
            NoteKind::Selected { how } => {
                context.find(not_as_sent(input, note, "The recording is a selection of a larger one", how));
                return;
            }
            NoteKind::Edited { how } => {
                context.find(not_as_sent(input, note, "The recording was changed after it was made", how));
                return;
            }
            NoteKind::FilesMissing { .. } | NoteKind::FilesOverlap { .. } => {
                context.find(of_set(input, note));
                return;
            }
            NoteKind::BadKeyLogLine => {
                let draft = Self::META.about(Concern::Nothing).severity(Severity::Low);
                context.find(
                    draft
                        .title("Lines of a key log could not be read")
                        .detail("a line is not of the NSS key log format"),
                );
                return;
            }
            _ => return,
        };
        let evidence = Evidence {
            input,
            frame: note.at.and_then(crate::evidence::At::frame).filter(|frame| *frame > 0),
            entry: note.at.and_then(crate::evidence::At::entry),
            ..Evidence::default()
        };
        let draft = Self::META.about(hides.unwrap_or(Concern::Nothing)).detail(detail).evidence(evidence);
        context.find(if hides.is_some() { draft.overturns() } else { draft });
    }
}
