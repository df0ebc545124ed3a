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
