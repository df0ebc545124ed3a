use crate::{
    handshake::signatures::{GET_KEYS, KEY_UNKNOWN},
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::mask,
};

declare_rule! {
    /// Keys were given, and none of them is the one the actor token says it is signed with: whether the signature is right
    /// stays open. A resource with the same stale copy of the keys refuses the token (2000000).
    ///
    /// # Evidence
    /// `x5t` or `kid` of the actor token.
    ///
    /// # Traps
    /// The given document may be older or newer than the token. Without keys nothing is said.
    pub(crate) X5tUnknown = "S2S-020" "x5t-unknown" Medium,
    title: "The key of the actor token is not among the given keys",
    remedy: "Fetch the issuer's metadata anew, and let the resource do so too: Set-AuthServer <name> -RefreshAuthMetadata.",
    source: "[MS-XOAUTH] §3.2.5.6; RFC 7515 §4.1.7",
    reference: "https://www.rfc-editor.org/rfc/rfc7515#section-4.1.7",
}

impl Rule for X5tUnknown {
    fn finish(&mut self, summary: &Summary<'_>, context: &mut Context<'_>) {
        let ledger = context.ledger;
        for (facts, actor) in super::presented_actors(ledger) {
            let state = summary.signatures.result(actor.id);
            let Some(state) = state.filter(|state| state.keys_do_not_fit()) else { continue };
            let (title, remedy) = if state.reason == KEY_UNKNOWN {
                (Self::META.title, "")
            } else {
                ("The keys that were given do not fit an actor token", GET_KEYS)
            };
            let key = actor.parameter("x5t").or_else(|| actor.parameter("kid")).unwrap_or_default();
            let issuer = actor.claim("iss").unwrap_or_default();
            let key = if key.is_empty() { "unnamed".to_owned() } else { mask::text(&key) };
            let detail = format!("key {key} of {}", mask::text(&issuer));
            for host in &facts.presented_to {
                let draft = Self::META.host(*host).title(title).remedy(remedy).detail(detail.clone());
                context.find(draft.count(facts.presented).evidence(facts.first.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::signatures::Signature;

    #[test]
    fn speaks_only_of_unknown_keys() {
        for (signature, reason, fires) in [
            (Signature::Unverifiable, KEY_UNKNOWN, true),
            (Signature::Unverifiable, "the keys that were given do not fit: 2 tried", true),
            (Signature::Unverifiable, "its header has a nonce", false),
            (Signature::Verified, "", false),
            (Signature::Invalid, KEY_UNKNOWN, false),
        ] {
            let report = super::super::report_by_signature(signature, reason);
            let found = report.findings.iter().any(|finding| finding.meta.code == "S2S-020");
            assert_eq!(found, fires, "{signature:?} {reason}");
        }
    }
}
