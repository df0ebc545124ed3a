//! Claims and header parameters in plain language.

use inspector_core::token::{
    TokenKind,
    principal::{Principal, application_name},
};

/// What a claim or header parameter means.
pub(crate) fn meaning(name: &str) -> Option<&'static str> {
    MEANINGS.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
}

/// What a value says beyond its letters: the application an id belongs to, the parts of a principal, a code's word.
pub(crate) fn value(name: &str, text: &str) -> Option<String> {
    match (name, text) {
        ("appidacr" | "azpacr", "0") => return Some("a public client: no secret, no certificate".to_owned()),
        ("appidacr" | "azpacr", "1") => return Some("authenticated by a client secret".to_owned()),
        ("appidacr" | "azpacr", "2") => return Some("authenticated by a certificate".to_owned()),
        ("alg", none) if none.eq_ignore_ascii_case("none") => return Some("not signed".to_owned()),
        ("tid", "9188040d-6c67-4c5b-b112-36a304b66dad") => return Some("personal Microsoft accounts".to_owned()),
        ("ver", "hashedprooftoken") => return Some("SharePoint's unsigned proof token".to_owned()),
        _ => {}
    }
    let principal = Principal::parse(text).filter(Principal::is_guid)?;
    let application = application_name(&principal.name);
    let mut parts: Vec<String> = application.map(str::to_owned).into_iter().collect();
    if let Some(host) = principal.host() {
        parts.push(format!("host {host}"));
    }
    if let Some(realm) = principal.realm().filter(|_| !parts.is_empty()) {
        parts.push(format!("realm {realm}"));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What a kind of token is, in one sentence.
pub(crate) const fn kind(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Opaque => "An opaque token: only its issuer can read it.",
        TokenKind::Jwe => "An encrypted token: only its receiver can read it.",
        TokenKind::S2sOuter => {
            "The outer token of server-to-server OAuth: a user, vouched for by the actor token inside."
        }
        TokenKind::S2sAssertion => "An assertion: the application asks the token endpoint for a token with it.",
        TokenKind::S2sActor => "An actor token of server-to-server OAuth: it names the calling application.",
        TokenKind::AppContext => {
            "An identity, callback or context token of Exchange or SharePoint; no call of a server."
        }
        TokenKind::ProofToken => "A SharePoint proof token.",
        TokenKind::EntraAccess => "An access token of Microsoft Entra ID.",
        TokenKind::EntraId => {
            "An ID token of Microsoft Entra ID: it tells a client who signed in, and opens no resource."
        }
        TokenKind::Broker => "A primary refresh token artefact of a device's sign-in broker.",
        TokenKind::Pop => "A proof of possession: a signed HTTP request with the token inside.",
        TokenKind::Dpop => "A DPoP proof (RFC 9449).",
        TokenKind::Jwt => "A JWT.",
        _ => "A token.",
    }
}

const MEANINGS: &[(&str, &str)] = &[
    ("typ", "type of the token"),
    ("alg", "algorithm of the signature"),
    ("enc", "algorithm of the encryption"),
    ("kid", "names the key that signed it"),
    ("x5t", "SHA-1 thumbprint of the certificate that signed it"),
    ("x5t#S256", "SHA-256 thumbprint of the certificate that signed it"),
    ("x5c", "the certificate chain that signed it"),
    ("jku", "where its keys are, says the token itself"),
    ("nonce", "value that ties it to one request"),
    ("ctx", "input to the derivation of a broker's key"),
    ("iss", "who issued it"),
    ("aud", "for whom it is meant"),
    ("sub", "whom it is about"),
    ("nbf", "not valid before"),
    ("exp", "not valid from then on"),
    ("iat", "when it was issued"),
    ("auth_time", "when the user signed in"),
    ("jti", "its own number"),
    ("nameid", "whom it names: the user, or in an actor token the calling application"),
    ("nii", "who gave out the nameid"),
    ("smtp", "the user's mail address"),
    ("sip", "the user's SIP address"),
    ("upn", "the user's principal name"),
    ("email", "the user's mail address"),
    ("actortoken", "the actor token: which application speaks for the user"),
    ("actort", "the actor token: which application speaks for the user"),
    ("actor", "the calling application"),
    ("act", "who acts for the subject"),
    ("identityprovider", "who vouched for the identity"),
    ("idp", "who vouched for the identity"),
    ("trustedfordelegation", "whether the application may speak for users"),
    ("appctx", "what the issuing application says about the user"),
    ("appctxsender", "who wrote appctx"),
    ("isbrowserhostedapp", "whether the application runs in a browser"),
    ("refreshtoken", "a refresh token"),
    ("scope", "what it permits"),
    ("scp", "what it permits on behalf of the user"),
    ("roles", "what it permits the application by itself"),
    ("wids", "directory roles of the user"),
    ("groups", "groups of the user"),
    ("appid", "the calling application"),
    ("azp", "the calling application"),
    ("client_id", "the calling application"),
    ("app_displayname", "what the calling application calls itself"),
    ("appidacr", "how the application authenticated"),
    ("azpacr", "how the application authenticated"),
    ("tid", "tenant"),
    ("oid", "object id of the user or application in the tenant"),
    ("puid", "the user's number with Microsoft"),
    ("name", "the user's name"),
    ("unique_name", "the user's name"),
    ("preferred_username", "the user's name for signing in"),
    ("given_name", "the user's given name"),
    ("family_name", "the user's family name"),
    ("ipaddr", "address the user signed in from"),
    ("amr", "how the user authenticated"),
    ("acr", "strength of the user's authentication"),
    ("ver", "version of the token"),
    ("version", "version of the token"),
    ("cnf", "the key its sender must prove to have"),
    ("at", "the access token inside"),
    ("htm", "method of the request it was made for"),
    ("htu", "URL of the request it was made for"),
    ("msexchuid", "the user's number in Exchange"),
    ("amurl", "where the issuer's keys are"),
    ("aio", "internal to the issuer"),
    ("uti", "internal to the issuer"),
    ("rh", "internal to the issuer"),
    ("xms_spcu", "internal to the issuer"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_get_their_names() {
        assert_eq!(
            value("iss", "00000004-0000-0ff1-ce00-000000000000@contoso.com").as_deref(),
            Some("Skype for Business Online, realm contoso.com")
        );
        assert_eq!(
            value("aud", "00000002-0000-0ff1-ce00-000000000000/mail.contoso.com@r").as_deref(),
            Some("Office 365 Exchange Online, host mail.contoso.com, realm r")
        );
        assert_eq!(value("oid", "11111111-2222-4333-8444-555555555555"), None);
        assert_eq!(value("name", "megan@contoso.com"), None);
        assert_eq!(value("azpacr", "2").as_deref(), Some("authenticated by a certificate"));
    }

    #[test]
    fn meanings_are_told_once() {
        for (at, (name, meaning)) in MEANINGS.iter().enumerate() {
            assert!(!meaning.is_empty() && MEANINGS.iter().skip(at + 1).all(|(other, _)| other != name), "{name}");
        }
    }
}
