use crate::{
    finding::Severity,
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::{Defect, mask},
};

declare_rule! {
    /// A member occurs twice in one object of the token. One receiver takes the first, another the last: they read two
    /// tokens in one.
    ///
    /// # Evidence
    /// The member and its part.
    ///
    /// # Traps
    /// The same name in different objects is fine. A token that was merely seen, not used, is low.
    pub(crate) DuplicateMembers = "JWT-015" "duplicate-members" High,
    title: "A token has a member twice",
    remedy: "Mend the library that mints the token; treat it as hostile if it came from outside, and refuse duplicates.",
    source: "RFC 7519 §4; RFC 7515 §4; RFC 8259 §4",
    reference: "https://www.rfc-editor.org/rfc/rfc7519#section-4",
}

impl Rule for DuplicateMembers {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger) {
            let severity = if layer.is_used() { Self::META.severity } else { Severity::Low };
            for defect in &layer.token.defects {
                let Defect::DuplicateMember { part, name } = defect else { continue };
                let detail = format!("{part} of {}: {}", layer.token.kind, mask::text(name));
                for draft in layer.drafts(Self::META, part, name) {
                    context.find(draft.severity(severity).detail(detail.clone()));
                }
            }
        }
    }
}
