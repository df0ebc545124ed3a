use crate::{
    evidence::{Evidence, SourceId},
    note::{Note, NoteKind},
    report::mask,
    rules::{
        Context, Declared, Rule, Severity, declare_rule,
        finding::{Concern, Draft},
    },
};

declare_rule! {
    /// The input is damaged: it ends inside a record, a block contradicts itself, or an entry could not be read.
    ///
    /// # Evidence
    /// The place and the reader's words.
    ///
    /// # Traps
    /// A recording that ends early is as good as one that was stopped there, so a damaged tail does not block. An entry in
    /// the middle that could not be read does: any request can be in it.
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

/// What is wrong between two files of a recording that was written in several. A file that is missing in the middle can
/// hold any request; what was recorded twice hides none.
fn of_set(input: SourceId, note: &Note) -> Draft {
    let place = note.at.and_then(crate::evidence::At::frame);
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

impl Rule for InputDamaged {
    fn note(&mut self, input: SourceId, note: &Note, context: &mut Context<'_>) {
        let (detail, hides) = match &note.kind {
            NoteKind::TruncatedInput { offset } => {
                (format!("it ends inside the piece that begins at byte {offset}"), false)
            }
            NoteKind::MalformedBlock { what } => ((*what).to_owned(), false),
            NoteKind::DamagedCompression { what } => {
                (format!("its compression is damaged: {}", mask::text(what)), false)
            }
            NoteKind::EntrySkipped { why } => (format!("an entry was skipped: {}", mask::text(why)), true),
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
            frame: note.at.and_then(crate::evidence::At::frame),
            entry: note.at.and_then(crate::evidence::At::entry),
            ..Evidence::default()
        };
        let concern = if hides { Concern::Anything } else { Concern::Nothing };
        let draft = Self::META.about(concern).detail(detail).evidence(evidence);
        context.find(if hides { draft.overturns() } else { draft });
    }
}
