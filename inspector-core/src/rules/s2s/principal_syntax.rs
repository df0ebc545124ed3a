use crate::{
    finding::Severity,
    handshake::observation::Observation,
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::{Sighting, Token, TokenKind, mask, principal::Principal},
};

declare_rule! {
    /// A name in a token of server-to-server OAuth is not of the form `id/host@realm`: it cannot be parsed, its id is no
    /// GUID, it has percent escapes, or it lacks the realm. Ids in upper case are reported as low: receivers differ in
    /// whether they compare letter case.
    ///
    /// # Evidence
    /// The claim as sent.
    ///
    /// # Traps
    /// An audience or issuer that is a URL is Entra's form and fine. `nameid` of the outer token is the user, and so it is in
    /// the user's token of a SharePoint add-in, where `actor` names the application.
    pub(crate) PrincipalSyntax = "S2S-004" "principal-syntax" Medium,
    title: "A principal name in a token is malformed",
    remedy: "Correct the name at the caller: <application id>/<host>@<realm>, in lower case.",
    source: "[MS-XOAUTH] §3.2.5.6; AADSTS90022",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for PrincipalSyntax {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for sighting in observation.s2s_tokens().filter(|sighting| sighting.kind != TokenKind::ProofToken) {
            let token = &sighting.token;
            let claims: &[&str] = match sighting.kind {
                TokenKind::S2sActor if token.acting().is_some() => &["iss", "aud", "actor"],
                TokenKind::S2sActor => &["iss", "aud", "nameid"],
                _ => &["iss", "aud"],
            };
            check(observation, context, sighting, token, claims);
            if let Some(actor) = token.actor.as_deref().filter(|actor| actor.kind.is_readable()) {
                check(observation, context, sighting, actor, &["iss", "aud", "nameid"]);
            }
        }
    }
}

fn check(
    observation: &Observation<'_>,
    context: &mut Context<'_>,
    sighting: &Sighting,
    token: &Token,
    claims: &[&str],
) {
    for claim in claims {
        let values = match *claim {
            "aud" => token.audiences(),
            claim => token.claim(claim).map(std::borrow::Cow::into_owned).into_iter().collect(),
        };
        for value in values {
            let Some((severity, what)) = judge(&value, claim) else { continue };
            let detail = format!("{claim} \"{}\": {what}", mask::text(&value));
            let evidence = observation.claimed(sighting, claim, &value);
            context.find(PrincipalSyntax::META.of(observation).severity(severity).detail(detail).evidence(evidence));
        }
    }
}

/// What is wrong with a name, if anything.
fn judge(value: &str, claim: &str) -> Option<(Severity, &'static str)> {
    if value.contains("://") {
        return None;
    }
    let Some(principal) = Principal::parse(value) else { return Some((Severity::Medium, "it cannot be parsed")) };
    if value.contains('%') {
        return Some((Severity::Medium, "it has percent escapes"));
    }
    if !principal.is_guid() {
        return Some((Severity::Medium, "its name is no application id"));
    }
    // Entra writes the audience as the bare id.
    if principal.realm().is_none() && claim != "aud" {
        return Some((Severity::Medium, "it has no realm"));
    }
    if principal.name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some((Severity::Low, "its id is in upper case"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        let id = "00000004-0000-0ff1-ce00-000000000000";
        for (value, claim, expected) in [
            (format!("{id}@t"), "iss", None),
            (format!("{id}/@t"), "iss", None),
            (format!("/{id}@t"), "iss", None),
            (format!("{id}/mail.contoso.com@t"), "aud", None),
            ("https://outlook.office365.com/".to_owned(), "aud", None),
            (id.to_owned(), "aud", None),
            (id.to_owned(), "iss", Some(Severity::Medium)),
            (format!("{id}@"), "iss", Some(Severity::Medium)),
            (format!("x{id}@t"), "iss", Some(Severity::Medium)),
            (format!("{id}%40t"), "iss", Some(Severity::Medium)),
            (format!("{id} @t"), "iss", Some(Severity::Medium)),
            (format!("{}@contoso.com", id.to_ascii_uppercase()), "iss", Some(Severity::Low)),
        ] {
            assert_eq!(judge(&value, claim).map(|(severity, _)| severity), expected, "{claim} {value}");
        }
    }
}
