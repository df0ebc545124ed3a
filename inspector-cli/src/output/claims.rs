//! Claims and header parameters in plain language.

use inspector_core::token::{
    TokenKind,
    principal::{Principal, application_name},
};

/// What a claim or header parameter means in a token of this kind.
///
/// `of_user` tells that it names a user beside the application (the user token of an add-in).
pub(crate) fn meaning(kind: TokenKind, of_user: bool, name: &str) -> Option<&'static str> {
    match (kind, name) {
        (TokenKind::S2sActor, "nameid") if of_user => return Some("the user the call is made for"),
        (TokenKind::S2sActor, "nameid") => return Some("the calling application"),
        (TokenKind::S2sOuter, "nameid") => return Some("the user the call is made for"),
        // The proof is made with this key; which token it belongs to is told by the token's cnf.
        (TokenKind::Dpop, "jwk") => return Some("the client's key, which signed it: its access token names it in cnf"),
        (TokenKind::Pop, "at") => return Some("the access token inside"),
        _ => {}
    }
    find(MEANINGS, name)
}

/// What a value says beyond its letters: the application an id belongs to, a code's word. `text` is a string, or another
/// value as JSON.
pub(crate) fn value(name: &str, text: &str) -> Option<String> {
    let listed = one_of(name, text);
    if name == "amr" {
        let words: Vec<&str> = listed.iter().filter_map(|code| find(METHODS, code)).collect();
        return (!words.is_empty()).then(|| words.join(", "));
    }
    let known = |value: &str| {
        let value = value.trim_end_matches('/');
        let row = VALUES.iter().find(|(of, known, _)| *of == name && known.eq_ignore_ascii_case(value));
        row.map(|(.., meaning)| (*meaning).to_owned()).or_else(|| issuer(name, value)).or_else(|| application(value))
    };
    let said: Vec<String> = listed.iter().filter_map(|value| known(value)).collect();
    match (said.is_empty(), said.len() == listed.len() && listed.len() == 1) {
        (true, _) => None,
        (false, true) => said.into_iter().next(),
        (false, false) => Some(said.join("; ")),
    }
}

/// The texts of a value: those of a list, else the value itself.
fn one_of(name: &str, text: &str) -> Vec<String> {
    if text.starts_with('[')
        && let Ok(list) = serde_json::from_str::<Vec<String>>(text)
    {
        return list;
    }
    match name {
        "scp" | "scope" => text.split_whitespace().map(str::to_owned).collect(),
        _ => vec![text.to_owned()],
    }
}

fn find(table: &'static [(&str, &str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
}

/// The application a principal or an id names.
fn application(text: &str) -> Option<String> {
    let principal = Principal::parse(text).filter(Principal::is_guid)?;
    application_name(&principal.name).map(str::to_owned)
}

/// Microsoft Entra ID as issuer, with the tenant.
fn issuer(name: &str, text: &str) -> Option<String> {
    const FRONTS: [&str; 5] = [
        "https://sts.windows.net/",
        "https://sts.chinacloudapi.cn/",
        "https://login.microsoftonline.com/",
        "https://login.microsoftonline.us/",
        "https://login.partner.microsoftonline.cn/",
    ];
    let front = FRONTS.iter().find(|front| name == "iss" && text.starts_with(**front))?;
    let tenant = text.get(front.len()..)?.split('/').next().filter(|tenant| !tenant.is_empty())?;
    Some(format!("Microsoft Entra ID, tenant {tenant}"))
}

/// What a token of that kind and `typ` is, in one sentence.
pub(crate) fn kind(kind: TokenKind, typ: &str) -> &'static str {
    match kind {
        TokenKind::Jwt if typ.eq_ignore_ascii_case("at+jwt") => "An access token as a JWT (RFC 9068).",
        TokenKind::Jwt if typ.eq_ignore_ascii_case("logout+jwt") => "A logout notice of an OpenID provider.",
        TokenKind::Jwt if typ.eq_ignore_ascii_case("secevent+jwt") => "A security event (RFC 8417).",
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
    ("nameid", "whom it names"),
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
    ("cty", "type of the content: JWT if a token is inside"),
    ("crit", "extensions its receiver must understand"),
    ("b64", "whether the payload is in base64"),
    ("zip", "how the content was compressed"),
    ("x5u", "where its certificate is, says the token itself"),
    ("jwk", "the key that signed it, says the token itself"),
    ("epk", "the sender's key of this one encryption"),
    ("apu", "about the sender, for the derivation of the key"),
    ("apv", "about the receiver, for the derivation of the key"),
    ("kdf_ver", "how the key is derived from ctx"),
    ("sid", "the session at the issuer"),
    ("at_hash", "ties it to the access token issued with it"),
    ("c_hash", "ties it to the code issued with it"),
    ("s_hash", "ties it to the state of the request"),
    ("ath", "ties it to the access token sent with it"),
    ("acrs", "authentication contexts that were satisfied"),
    ("may_act", "who may act for the subject"),
    ("events", "what happened"),
    ("txn", "number of the transaction it belongs to"),
    ("idtyp", "whether it is of an application or a user"),
    ("hasgroups", "the user is in more groups than fit in"),
    ("onprem_sid", "the user's number in the directory on premises"),
    ("primarysid", "the user's number in the directory on premises"),
    ("altsecid", "the user's number at another identity provider"),
    ("in_corp", "whether the request came from the company's network"),
    ("pwd_exp", "seconds until the password expires"),
    ("pwd_url", "where the password is changed"),
    ("deviceid", "the user's device"),
    ("login_hint", "the user's name for signing in again"),
    ("tenant_region_scope", "region of the tenant"),
    ("tenant_ctry", "country of the tenant"),
    ("xms_cc", "what the client can do"),
    ("xms_tcdt", "when the tenant was made"),
    ("endpointurl", "the resource a proof token is for"),
    ("msexchprot", "protocol of Exchange it is for"),
    ("msexchcallback", "that it is for calls back from an add-in"),
    ("msexchdauth", "that it comes of delegated authentication"),
    ("email_verified", "whether the mail address was checked"),
    ("phone_number", "the user's telephone number"),
    ("picture", "the user's picture"),
    ("locale", "the user's language"),
    ("zoneinfo", "the user's time zone"),
    ("updated_at", "when this about the user changed last"),
    ("entitlements", "what the user may use"),
    ("authorization_details", "what it permits, in detail (RFC 9396)"),
    ("grant_type", "what the request gives in exchange for a token"),
    ("request_nonce", "the server's value that ties the request to one conversation"),
    ("redirect_uri", "where the answer goes"),
    ("response_type", "what is asked for"),
    ("state", "the client's value that comes back with the answer"),
    ("ts", "when the request was signed"),
    ("m", "method of the request it signs"),
    ("u", "host of the request it signs"),
    ("p", "path of the request it signs"),
    ("q", "query of the request it signs"),
];

/// What the parts of a method of authentication (`amr`, RFC 8176 and Microsoft's) mean.
const METHODS: &[(&str, &str)] = &[
    ("pwd", "password"),
    ("mfa", "several factors"),
    ("otp", "one-time password"),
    ("sms", "text message"),
    ("tel", "telephone call"),
    ("fpt", "fingerprint"),
    ("face", "face"),
    ("hwk", "hardware key"),
    ("swk", "software key"),
    ("pin", "PIN"),
    ("rsa", "certificate or key"),
    ("wia", "Windows authentication"),
    ("kba", "knowledge"),
    ("user", "presence of the user"),
    ("fido", "FIDO key"),
    ("ngcmfa", "several factors anew"),
];

/// Values that mean something by themselves: claim, value, meaning.
const VALUES: &[(&str, &str, &str)] = &[
    ("appidacr", "0", "a public client: no secret, no certificate"),
    ("appidacr", "1", "authenticated by a client secret"),
    ("appidacr", "2", "authenticated by a certificate"),
    ("azpacr", "0", "a public client: no secret, no certificate"),
    ("azpacr", "1", "authenticated by a client secret"),
    ("azpacr", "2", "authenticated by a certificate"),
    ("acr", "0", "less than ISO 29115 wants"),
    ("acr", "1", "as ISO 29115 wants"),
    ("idtyp", "app", "an application by itself, without a user"),
    ("idtyp", "user", "a user, by an application"),
    ("tid", "9188040d-6c67-4c5b-b112-36a304b66dad", "personal Microsoft accounts"),
    ("ver", "hashedprooftoken", "SharePoint's unsigned proof token"),
    ("ver", "1.0", "the first version of Microsoft Entra ID's tokens"),
    ("ver", "2.0", "the second version of Microsoft Entra ID's tokens"),
    ("ver", "MSExchange.SelfIssued.V1", "Exchange signed it for itself"),
    ("nii", "urn:office:idp:activedirectory", "the directory on premises, and nameid is a SID"),
    ("nii", "urn:federation:microsoftonline", "Microsoft Entra ID, and nameid is its number for the user"),
    ("nii", "urn:office:idp:orgid", "Microsoft Entra ID, and nameid is its number for the user"),
    ("identityprovider", "urn:federation:microsoftonline", "Microsoft Entra ID"),
    ("trustedfordelegation", "true", "it may, so that outer tokens of its own count"),
    ("trustedfordelegation", "false", "it may not, only call by itself, without a user"),
    ("typ", "at+jwt", "an access token (RFC 9068)"),
    ("typ", "dpop+jwt", "a DPoP proof (RFC 9449)"),
    ("typ", "pop", "a signed HTTP request"),
    ("typ", "logout+jwt", "a logout notice"),
    ("typ", "secevent+jwt", "a security event (RFC 8417)"),
    ("alg", "RS256", "RSA PKCS #1 with SHA-256"),
    ("alg", "RS384", "RSA PKCS #1 with SHA-384"),
    ("alg", "RS512", "RSA PKCS #1 with SHA-512"),
    ("alg", "PS256", "RSA-PSS with SHA-256"),
    ("alg", "PS384", "RSA-PSS with SHA-384"),
    ("alg", "PS512", "RSA-PSS with SHA-512"),
    ("alg", "ES256", "ECDSA on P-256 with SHA-256"),
    ("alg", "ES384", "ECDSA on P-384 with SHA-384"),
    ("alg", "ES512", "ECDSA on P-521 with SHA-512"),
    ("alg", "EdDSA", "Edwards curves"),
    ("alg", "HS256", "HMAC with SHA-256: whoever can verify it can write one"),
    ("alg", "HS384", "HMAC with SHA-384: whoever can verify it can write one"),
    ("alg", "HS512", "HMAC with SHA-512: whoever can verify it can write one"),
    ("alg", "none", "not signed"),
    ("alg", "dir", "the content is encrypted with a key both have"),
    ("roles", "full_access_as_app", "every mailbox of the organisation, without a user"),
    ("aud", "https://graph.microsoft.com", "Microsoft Graph"),
    ("aud", "https://graph.windows.net", "Azure AD Graph"),
    ("aud", "https://outlook.office365.com", "Exchange Online"),
    ("aud", "https://outlook.office.com", "Exchange Online"),
    ("aud", "https://management.azure.com", "Azure Resource Manager"),
    ("aud", "https://management.core.windows.net", "Azure Resource Manager"),
    ("aud", "https://api.spaces.skype.com", "Microsoft Teams"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_get_their_names() {
        assert_eq!(
            value("iss", "00000004-0000-0ff1-ce00-000000000000@contoso.com").as_deref(),
            Some("Skype for Business Online")
        );
        assert_eq!(
            value("aud", "00000002-0000-0ff1-ce00-000000000000/mail.contoso.com@r").as_deref(),
            Some("Office 365 Exchange Online")
        );
        assert_eq!(value("oid", "11111111-2222-4333-8444-555555555555"), None);
        assert_eq!(value("name", "megan@contoso.com"), None);
        for (name, text, says) in [
            ("azpacr", "2", Some("authenticated by a certificate")),
            ("alg", "NONE", Some("not signed")),
            ("amr", "[\"pwd\",\"mfa\"]", Some("password, several factors")),
            ("amr", "[\"new\"]", None),
            ("iss", "https://sts.windows.net/7f9c2b1e/", Some("Microsoft Entra ID, tenant 7f9c2b1e")),
            ("iss", "https://sts.windows.net.evil.test/7f9c2b1e/", None),
            ("sub", "https://sts.windows.net/7f9c2b1e/", None),
            ("aud", "https://graph.microsoft.com/", Some("Microsoft Graph")),
            ("aud", "[\"https://graph.microsoft.com\",\"x\"]", Some("Microsoft Graph")),
            ("roles", "[\"full_access_as_app\"]", Some("every mailbox of the organisation, without a user")),
            (
                "nii",
                "urn:federation:MicrosoftOnline",
                Some("Microsoft Entra ID, and nameid is its number for the user"),
            ),
            ("appid", "00000004-0000-0ff1-ce00-000000000000", Some("Skype for Business Online")),
        ] {
            assert_eq!(value(name, text).as_deref(), says, "{name} {text}");
        }
    }

    #[test]
    fn meanings_are_told_once() {
        for (at, (name, value, meaning)) in VALUES.iter().enumerate() {
            let again = VALUES.iter().skip(at + 1).any(|(of, other, _)| of == name && other == value);
            assert!(!meaning.is_empty() && !again, "{name} {value}");
        }
        for (at, (name, meaning)) in MEANINGS.iter().enumerate() {
            assert!(!meaning.is_empty() && MEANINGS.iter().skip(at + 1).all(|(other, _)| other != name), "{name}");
        }
    }
}
