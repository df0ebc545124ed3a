use crate::{
    finding::Severity,
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::Defect,
};

declare_rule! {
    /// The token breaks the strict form: its parts are no JSON or no UTF-8, or its base64 is padded, of the other alphabet,
    /// with white space or stray bits. It was read leniently; two receivers may read it differently.
    ///
    /// # Evidence
    /// What deviates.
    ///
    /// # Traps
    /// Opaque tokens are no malformed JWTs, and what a recording cut or replaced is not judged. Some libraries pad. A token
    /// that was merely seen in a field is low, one in a content is not judged.
    pub(crate) LaxEncoding = "JWT-016" "lax-encoding" Medium,
    title: "A token breaks the strict form of JWT",
    remedy: "Mend the library that mints the token, and let the receiver refuse what is not strict.",
    source: "RFC 7515 §2, §5.2; RFC 7519 §7.2",
    reference: "https://www.rfc-editor.org/rfc/rfc7515#section-2",
}

impl Rule for LaxEncoding {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger).filter(|layer| layer.is_whole()) {
            let severity = match () {
                () if layer.is_used() => Self::META.severity,
                () if layer.facts.in_head => Severity::Low,
                () => continue,
            };
            for what in layer.token.defects.iter().filter_map(describe) {
                for draft in layer.drafts(Self::META, "form", what) {
                    context.find(draft.severity(severity).detail(format!("{}: {what}", layer.token.kind)));
                }
            }
        }
    }
}

const fn describe(defect: &Defect) -> Option<&'static str> {
    Some(match defect {
        Defect::Padding => "a part is padded",
        Defect::StandardAlphabet => "a part is of the other base64 alphabet",
        Defect::Whitespace => "there is white space in it",
        Defect::TrailingBits => "a part ends in stray bits",
        Defect::ByteOrderMark => "a part begins with a byte order mark",
        Defect::TwoParts => "it has two parts",
        Defect::FourParts => "it has four parts",
        Defect::HeaderNotJson => "its header is no JSON object",
        Defect::PayloadNotJson => "its payload is no JSON object",
        Defect::NotUtf8 => "it is not UTF-8",
        Defect::SignatureNotBase64 => "its signature is no base64",
        _ => return None,
    })
}
