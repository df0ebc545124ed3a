//! Each row of the table is the answer to a case, and speaks only of what the profile asks about.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::{limits::Limits, policy::Policy, profile::Profile, rules::remedies::commands, token::interner::Interner};

const REALM: &str = "7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f";
const APP: &str = "11111111-2222-4333-8444-555555555555";
const ACS: &str = "00000001-0000-0000-c000-000000000000";
const SHAREPOINT: &str = "00000003-0000-0ff1-ce00-000000000000";
/// When calls are made; the tokens are valid an hour around it.
const NOW: i64 = 1_767_225_600;

/// A token by its claims, with changes (null removes).
fn token(kind: &str, changes: Value) -> std::sync::Arc<Token> {
    let mut claims = match kind {
        "entra" => json!({
            "iss": format!("https://sts.windows.net/{REALM}/"), "aud": "https://outlook.office365.com", "tid": REALM,
            "appid": APP, "appidacr": "2", "roles": ["full_access_as_app"],
        }),
        "acs" => json!({
            "iss": format!("{ACS}@{REALM}"), "aud": format!("{SHAREPOINT}/contoso.sharepoint.com@{REALM}"),
            "nameid": format!("{APP}@{REALM}"),
        }),
        _ => json!({"iss": "https://sts.contoso.com", "aud": "api"}),
    };
    claims["nbf"] = json!(NOW - 1800);
    claims["exp"] = json!(NOW + 1800);
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let raw = format!("{}.{}.c2ln", part(&json!({"typ": "JWT", "alg": "RS256"})), part(&claims));
    Interner::new(&Limits::default()).intern(&raw)
}

fn policy_of(profile: &str) -> Policy {
    Policy::new(Profile::builtin(profile).unwrap())
}

/// What a refusal means: profile, host, product of the endpoint, token, category, words, content.
fn meaning(
    profile: &str,
    host: &str,
    product: &str,
    token: &Token,
    said: (&str, &str),
    content: &str,
) -> (String, String) {
    let policy = policy_of(profile);
    let mut reason = ServerReason {
        category: Some(said.0.to_owned()).filter(|text| !text.is_empty()),
        text: Some(said.1.to_owned()).filter(|text| !text.is_empty()),
        ..ServerReason::default()
    };
    let refused = Refused {
        profile: &policy.profile,
        host,
        product,
        token: Some((token, token.kind)),
        time: Some(Timestamp::from_seconds(NOW)),
        content: Some(content.as_bytes()),
    };
    explain(&mut reason, &refused);
    let found = reason.explanation();
    (
        found.map(|it| it.meaning.to_owned()).unwrap_or_default(),
        found.map(|it| it.remedy.to_owned()).unwrap_or_default(),
    )
}

#[test]
fn a_refusal_means_what_product_token_and_words_say_together() {
    let (online, site, graph) = ("outlook.office365.com", "contoso.sharepoint.com", "graph.microsoft.com");
    let entra = token("entra", json!({}));
    let bare = token("entra", json!({"roles": null}));
    let secret = token("entra", json!({"appidacr": "1"}));
    let user = token("entra", json!({"scp": "Mail.Read", "roles": null}));
    let acs = token("acs", json!({}));
    let addin = token("acs", json!({"nameid": "1003000099", "actor": format!("{APP}@{REALM}")}));
    let jwt = token("other", json!({}));
    let ended = token("entra", json!({"exp": NOW - 60}));
    let ahead = token("entra", json!({"nbf": NOW + 900}));
    let weak = "The access token is acquired using an authentication method that is too weak to allow access for this \
                application. Presented auth strength was 1, required is 2.";
    let unsupported = "{\"error_description\":\"Unsupported app only token.\"}";
    let none = ("", "");
    for (profile, host, product, token, said, content, expected) in [
        (
            "exchange-s2s",
            online,
            "Exchange",
            &bare,
            ("invalid_grant", "The token contains no permissions, or permissions can not be understood."),
            "",
            "full_access_as_app",
        ),
        ("exchange-s2s", online, "Exchange", &bare, ("invalid_token", ""), "", "full_access_as_app"),
        (
            "generic",
            online,
            "Exchange",
            &bare,
            ("invalid_grant", "The token contains no permissions"),
            "",
            "full_access_as_app",
        ),
        (
            "exchange-s2s",
            online,
            "Exchange",
            &secret,
            ("invalid_token", weak),
            "",
            "with a certificate or a managed identity",
        ),
        (
            "entra",
            "outlook.office.com",
            "",
            &secret,
            ("invalid_token", weak),
            "",
            "with a certificate or a managed identity",
        ),
        (
            "exchange-s2s",
            online,
            "Exchange",
            &entra,
            ("invalid_grant", "missing a linked account for RBAC"),
            "",
            "New-ServicePrincipal",
        ),
        (
            "generic",
            online,
            "Exchange",
            &entra,
            ("invalid_grant", "missing a linked account for RBAC"),
            "",
            "RBAC for Applications",
        ),
        (
            "exchange-s2s",
            online,
            "Exchange",
            &user,
            ("invalid_grant", "The token contains no permissions"),
            "",
            "EWS.AccessAsUser.All",
        ),
        ("exchange-s2s", online, "Exchange", &entra, ("invalid_resource", ""), "", "https://outlook.office365.com"),
        ("exchange-s2s", online, "Exchange", &entra, ("invalid_client", ""), "", "enterprise applications"),
        ("exchange-s2s", online, "Exchange", &entra, ("invalid_tenant", ""), "", "tenant of the mailbox"),
        ("exchange-s2s", online, "Exchange", &ended, ("token_expired", ""), "", "before the old one ends"),
        (
            "generic",
            "api.contoso.com",
            "",
            &ahead,
            ("invalid_token", "IDX10222: lifetime validation failed"),
            "",
            "clocks of the caller and the token service",
        ),
        (
            "generic",
            "api.contoso.com",
            "",
            &jwt,
            ("invalid_token", "The access token expired"),
            "",
            "clock of the server",
        ),
        (
            "sharepoint-s2s",
            site,
            "SharePoint",
            &acs,
            ("invalid_client", "There has been an error authenticating the request."),
            unsupported,
            "DisableCustomAppAuthentication",
        ),
        ("generic", site, "SharePoint", &acs, none, unsupported, "DisableCustomAppAuthentication"),
        ("sharepoint-s2s", site, "SharePoint", &secret, none, unsupported, "with a certificate"),
        ("sharepoint-s2s", "sp.contoso.com", "SharePoint", &jwt, none, unsupported, "with a certificate"),
        (
            "sharepoint-s2s",
            site,
            "SharePoint",
            &acs,
            ("", "Invalid issuer or signature."),
            "",
            "New-SPTrustedSecurityTokenIssuer",
        ),
        ("generic", site, "SharePoint", &acs, ("", "Invalid issuer or signature."), "", "Register the issuer"),
        (
            "sharepoint-s2s",
            "sp.contoso.com",
            "SharePoint",
            &acs,
            ("invalid_signature", ""),
            "",
            "Set-SPTrustedSecurityTokenIssuer",
        ),
        ("sharepoint-s2s", site, "SharePoint", &acs, ("invalid_client", ""), "", "Register-SPAppPrincipal"),
        ("sharepoint-s2s", site, "SharePoint", &addin, ("invalid_client", ""), "", "Register-SPAppPrincipal"),
        ("sharepoint-s2s", site, "SharePoint", &entra, ("invalid_client", ""), "", "consent to its permissions"),
        (
            "sharepoint-s2s",
            site,
            "SharePoint",
            &acs,
            none,
            "{\"odata.error\":{\"message\":{\"lang\":\"en\",\"value\":\"Access denied.\"}}}",
            "Sites.Selected",
        ),
        ("sharepoint-s2s", site, "SharePoint", &acs, ("invalid_user", ""), "", "UPN, SMTP and SIP"),
        ("sharepoint-s2s", site, "SharePoint", &entra, ("", "The audience is wrong"), "", "this host"),
        (
            "generic",
            graph,
            "",
            &entra,
            none,
            "{\"error\":{\"code\":\"InvalidAuthenticationToken\",\"message\":\"Access token validation failure. Invalid audience.\"}}",
            "https://graph.microsoft.com",
        ),
        (
            "entra",
            graph,
            "",
            &entra,
            none,
            "{\"error\":{\"code\":\"x\",\"message\":\"Insufficient privileges to complete the operation.\"}}",
            "its roles or scp",
        ),
        ("exchange-s2s", "mail.contoso.com", "Exchange", &entra, ("invalid_client", ""), "", "Get-PartnerApplication"),
        ("exchange-s2s", "mail.contoso.com", "Exchange", &acs, ("invalid_client", ""), "", "New-PartnerApplication"),
        (
            "exchange-s2s",
            "mail.contoso.com",
            "Exchange",
            &acs,
            ("invalid_grant", "missing a linked account for RBAC"),
            "",
            "-LinkedAccount",
        ),
        ("exchange-s2s", "mail.contoso.com", "Exchange", &acs, ("invalid_signature", ""), "", "Set-AuthServer"),
        ("generic", "mail.contoso.com", "Exchange", &acs, ("invalid_signature", ""), "", "issuer's keys anew"),
        ("generic", "api.contoso.com", "", &jwt, ("invalid_issuer", ""), "", "issuer and tenant"),
        (
            "generic",
            "api.contoso.com",
            "",
            &jwt,
            ("invalid_token", "audience"),
            "",
            "Ask for a token for this resource",
        ),
        ("generic", "api.contoso.com", "", &jwt, ("insufficient_scope", ""), "", "the permission or the scope"),
        ("generic", "api.contoso.com", "", &jwt, ("invalid_tenant", ""), "", "tenant the server"),
        ("generic", "api.contoso.com", "", &jwt, ("invalid_user", ""), "", "names of the user"),
        ("generic", "api.contoso.com", "", &jwt, ("invalid_client", ""), "", "Register the application"),
        ("generic", "api.contoso.com", "", &jwt, ("invalid_grant", ""), "", "permission or role"),
        ("generic", "api.contoso.com", "", &jwt, ("insufficient_claims", ""), "", "Conditional Access"),
        ("generic", "api.contoso.com", "", &jwt, ("invalid_token", ""), "", "Get a new token"),
        ("generic", "api.contoso.com", "", &jwt, ("internal_error", ""), "", "own log"),
        ("generic", "api.contoso.com", "", &jwt, ("teapot", "short and stout"), "", ""),
        ("exchange-s2s", site, "", &acs, ("invalid_client", "x"), "", "consent to its permissions"),
        ("exchange-s2s", "mail.contoso.com", "Exchange", &acs, ("internal_error", ""), "", "own log"),
    ] {
        let (meaning, remedy) = meaning(profile, host, product, token, said, content);
        let case = format!("{profile} {host} {said:?} {content}: {meaning} | {remedy}");
        let is_found =
            if expected.is_empty() { remedy.is_empty() } else { format!("{meaning} {remedy}").contains(expected) };
        assert!(is_found, "{case}");
        let subject = Subject::of(&policy_of(profile).profile);
        for noun in commands(&remedy) {
            assert!(
                match subject {
                    Subject::Exchange => !noun.starts_with("SP"),
                    Subject::SharePoint => noun.starts_with("SP"),
                    Subject::Api => false,
                },
                "{case}"
            );
        }
    }
}

#[test]
fn rows_name_commands_only_where_they_belong() {
    for row in ROWS {
        let Explanation { meaning, remedy, .. } = &row.explains;
        assert!(!meaning.is_empty() && !meaning.ends_with('.') && remedy.ends_with('.'), "{meaning}");
        if commands(remedy).next().is_some() {
            assert_eq!(row.subjects.len(), 1, "{remedy}");
            let is_sharepoint = row.subjects == [Subject::SharePoint];
            assert!(commands(remedy).all(|noun| noun.starts_with("SP") == is_sharepoint), "{remedy}");
            assert!(row.subjects != [Subject::Api], "{remedy}");
        }
        assert!(row.said.iter().all(|words| *words == words.to_lowercase()), "{:?}", row.said);
    }
}

#[test]
fn the_words_of_the_answer_are_kept() {
    for (content, expected) in [
        ("{\"error_description\":\"Unsupported app only token.\"}", Some("Unsupported app only token.")),
        ("{\"error\":{\"message\":\"a\\nb\"}}", Some("a")),
        ("{\"message\":\"no\"}", Some("no")),
        ("{\"error\":\"invalid_token\"}", None),
        ("[]", None),
        ("<html>", None),
        ("", None),
    ] {
        assert_eq!(words(content.as_bytes()).as_deref(), expected, "{content}");
    }
}
