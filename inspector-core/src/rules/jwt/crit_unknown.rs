use serde_json::Value;

use crate::{
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::mask,
};

/// Extensions that are registered.
const KNOWN: [&str; 3] = ["b64", "exp", "ppt"];

declare_rule! {
    /// `crit` names extensions this program does not know, or is no list. A receiver that does not know them either has to
    /// refuse the token.
    ///
    /// # Evidence
    /// `crit`.
    ///
    /// # Traps
    /// This program is no receiver: that it does not know an extension says nothing about the token.
    pub(crate) CritUnknown = "JWT-006" "crit-unknown" Info,
    title: "A token wants extensions that are not known here",
    remedy: "Make sure the receiver understands the extensions, or refuses the token.",
    source: "RFC 7515 §4.1.11",
    reference: "https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11",
}

impl Rule for CritUnknown {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger) {
            let Some(critical) = layer.token.header.get("crit") else { continue };
            let detail = match critical.as_array() {
                Some(names) => {
                    let unknown: Vec<String> = names
                        .iter()
                        .filter_map(Value::as_str)
                        .filter(|name| !KNOWN.contains(name))
                        .take(8)
                        .map(mask::text)
                        .collect();
                    if unknown.is_empty() && !names.is_empty() {
                        continue;
                    }
                    format!("crit names {}", if unknown.is_empty() { "nothing".to_owned() } else { unknown.join(", ") })
                }
                None => "crit is no list".to_owned(),
            };
            for draft in layer.drafts(Self::META, "crit", &critical.to_string()) {
                context.find(draft.detail(detail.clone()));
            }
        }
    }
}
