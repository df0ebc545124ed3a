//! Remedies of the rules where the profile asks about another product than Exchange, and where the recording is of another
//! kind than the rule's own remedy is written for.
//!
//! A rule's own remedy is written for the usual profile. Who asks about SharePoint or any other API is not told to run
//! commands of Exchange: such a remedy is replaced by the one here.

use std::borrow::Cow;

use crate::{finding::RuleMeta, handshake::meaning::Subject};

/// By rule: for SharePoint, and for any API.
const OTHERS: &[(&str, &str, &str)] = &[
    (
        "BAS-001",
        "Turn Basic off for the web application's zone (Get-SPAuthenticationProvider, Set-SPWebApplication), find the client by \
         its user name, and change the password.",
        "Turn Basic off at the server, find the client by its user name, and change the password.",
    ),
    (
        "BAS-003",
        "Once nothing uses it, turn Basic off for the web application's zone (Set-SPWebApplication).",
        "Once nothing uses it, turn Basic off at the server.",
    ),
    (
        "BAS-004",
        "Let the web application take OAuth or claims, and turn Basic off for its zone (Set-SPWebApplication).",
        "Let the server take bearer tokens, and turn Basic off.",
    ),
    (
        "JWT-022",
        "Grant less where it serves: Sites.Selected instead of permissions for all sites.",
        "Grant less where it serves.",
    ),
    (
        "S2S-002",
        "Expect the applications that call today, and keep the old one as long as it calls.",
        "Expect the applications that call today, and keep the old one as long as it calls.",
    ),
    (
        "S2S-003",
        "Trigger a call of the expected application to SharePoint and record until its answer.",
        "Trigger a call of the expected application and record until its answer.",
    ),
    (
        "S2S-006",
        "Let caller and resource use one realm: compare Get-SPAuthenticationRealm with the caller's.",
        "Let caller and resource use one realm.",
    ),
    (
        "S2S-013",
        "Ask for a token for the host that is called, and do not offload TLS in front of OAuth endpoints.",
        "Ask for a token for the host that is called, and do not offload TLS in front of OAuth endpoints.",
    ),
    (
        "S2S-014",
        "Let the token endpoint mark the application as trusted for delegation, or call as application only.",
        "Let the token endpoint mark the application as trusted for delegation, or call as application only.",
    ),
    (
        "S2S-020",
        "Fetch the issuer's metadata anew, and let SharePoint do so too (Set-SPTrustedSecurityTokenIssuer).",
        "Fetch the issuer's metadata anew, and let the resource do so too.",
    ),
    (
        "S2S-023",
        "If the issuer is legitimate, create it at SharePoint (New-SPTrustedSecurityTokenIssuer) and add it to the profile's \
         issuers.",
        "If the issuer is legitimate, let the resource trust it and add it to the profile's issuers.",
    ),
    (
        "S2S-024",
        "Create or renew the issuer at SharePoint (New-SPTrustedSecurityTokenIssuer), and check its realm.",
        "Let the resource trust the issuer, and check its realm.",
    ),
    (
        "S2S-026",
        "Check which kinds of tokens the site takes, and how the caller calls: for a user, or as application.",
        "Check which kinds of tokens the resource takes, and how the caller calls: for a user, or as application.",
    ),
    (
        "S2S-027",
        "Correct the caller's configuration: its realm, the token endpoint of its tenant, and its certificate.",
        "Correct the caller's configuration: its realm, the token endpoint of its tenant, and its certificate.",
    ),
    (
        "S2S-028",
        "Check the name of the resource the caller asks for: <application id>/<host>@<realm>.",
        "Check the name of the resource the caller asks for.",
    ),
    (
        "S2S-030",
        "Let the web application take OAuth (Get-SPAuthenticationProvider), and exempt the endpoint from pre-authentication \
         at the reverse proxy.",
        "Let the server take bearer tokens, and exempt the endpoint from pre-authentication at the reverse proxy.",
    ),
    (
        "S2S-037",
        "Exempt the endpoint from pre-authentication at the reverse proxy, and let the web application take OAuth.",
        "Exempt the endpoint from pre-authentication at the reverse proxy.",
    ),
    ("S2S-038", "Let the caller use OAuth instead of WS-Security.", "Let the caller use OAuth instead of WS-Security."),
    (
        "S2S-039",
        "Check the OAuth settings of the caller; turn the scheme off for the web application's zone once OAuth works.",
        "Check the OAuth settings of the caller; turn the scheme off at the server once OAuth works.",
    ),
    (
        "S2S-041",
        "Let the caller send a token for the user, or give the application its own permission.",
        "Let the caller send a token for the user, or give the application its own permission.",
    ),
    (
        "S2S-043",
        "Correct how the caller fills nameid and nii; SharePoint looks the user up by its profiles.",
        "Correct how the caller fills nameid and nii.",
    ),
    (
        "S2S-048",
        "Publish the right certificate (Set-SPSecurityTokenServiceConfig), then fetch the metadata anew at the other side.",
        "Publish the right certificate, then fetch the metadata anew at the other side.",
    ),
    (
        "S2S-054",
        "If calls fail, compare the host the client was told with the one it calls.",
        "If calls fail, compare the host the client was told with the one it calls.",
    ),
    ("S2S-055", "If it is off, let the server take OAuth.", "If it is off, let the server take OAuth."),
];

/// Where a remedy that a rule made for the case speaks of another product, and the rule has none here.
const ANY: &str = "Check the application's registration: its certificate or secret, its realm, its permissions.";

/// By rule: for captures, and for everything an exporter wrote (HAR, transcripts, sessions of a proxy).
const BY_RECORDING: &[(&str, Option<&str>, Option<&str>)] = &[
    (
        "COV-002",
        None,
        Some("Export again with all header fields; or record the traffic itself, with the keys to decrypt it."),
    ),
    (
        "COV-003",
        Some("Record again with the full packet length, and raise --max-memory if a limit was reached."),
        Some(
            "Export again with contents (HAR: \"Save all as HAR with content\"), and raise --max-memory if a limit was \
             reached.",
        ),
    ),
    ("COV-004", Some("Record again, and leave the values in."), None),
    ("COV-006", None, Some("Export again after the last answer has come, with requests and responses.")),
    (
        "COV-012",
        None,
        Some(
            "Record while the caller calls the resource, and export all that was recorded; name the host with --host if \
             its paths are unusual.",
        ),
    ),
];

/// The rule's own remedy as it fits the kind of recording: a capture, or what an exporter wrote.
pub(crate) fn of_recording(meta: &RuleMeta, is_capture: bool) -> &'static str {
    let known = BY_RECORDING.iter().find(|(code, ..)| *code == meta.code);
    let other = known.and_then(|(_, capture, export)| if is_capture { *capture } else { *export });
    other.unwrap_or(meta.remedy)
}

/// The remedy as it fits the product the profile asks about.
pub(crate) fn fitting(code: &str, remedy: Cow<'static, str>, subject: Subject) -> Cow<'static, str> {
    if subject == Subject::Exchange || !is_of_exchange(&remedy, subject) {
        return remedy;
    }
    let known = OTHERS.iter().find(|(of, ..)| *of == code);
    Cow::Borrowed(match (known, subject) {
        (Some((_, sharepoint, _)), Subject::SharePoint) => sharepoint,
        (Some((.., api)), _) => api,
        (None, _) => ANY,
    })
}

/// Whether a remedy speaks of Exchange, or names a command the subject does not have.
fn is_of_exchange(remedy: &str, subject: Subject) -> bool {
    const WORDS: [&str; 8] = [
        "virtual director",
        "calendar",
        "Exchange looks",
        "restart IIS",
        "full_access_as_app",
        "TeamsSchedulerRole",
        "ExchangeImpersonation",
        "partner application",
    ];
    WORDS.iter().any(|word| remedy.contains(word))
        || commands(remedy).any(|noun| subject == Subject::Api || !noun.starts_with("SP"))
}

/// The nouns of the commands of PowerShell that a text names (`Set-AuthServer`).
pub(crate) fn commands(text: &str) -> impl Iterator<Item = &str> {
    const VERBS: [&str; 10] =
        ["Get-", "Set-", "New-", "Test-", "Update-", "Remove-", "Add-", "Enable-", "Disable-", "Register-"];
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.filter_map(|word| VERBS.iter().find_map(|verb| word.strip_prefix(verb)).filter(|noun| noun.len() > 3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::catalogue;

    #[test]
    fn remedies_fit_the_product_that_is_asked_about() {
        for meta in catalogue() {
            let own = Cow::Borrowed(meta.remedy);
            assert_eq!(fitting(meta.code, own.clone(), Subject::Exchange), own);
            for subject in [Subject::SharePoint, Subject::Api] {
                let fits = fitting(meta.code, own.clone(), subject);
                assert!(!is_of_exchange(&fits, subject), "{} {subject:?}: {fits}", meta.code);
                // A rule of its own has one that is written for it.
                assert!(fits != ANY, "{} {subject:?}: {own}", meta.code);
                assert!(commands(&fits).all(|noun| subject == Subject::SharePoint && noun.starts_with("SP")), "{fits}");
            }
        }
        let own = Cow::Borrowed("Set-AuthConfig -PublishCertificate.");
        assert_eq!(fitting("S2S-029", own.clone(), Subject::Api), ANY);
        assert_eq!(fitting("S2S-029", own.clone(), Subject::Exchange), own);
    }

    #[test]
    fn remedies_fit_the_kind_of_recording() {
        for meta in catalogue().into_iter().filter(|meta| meta.code.starts_with("COV")) {
            let (capture, export) = (of_recording(meta, true), of_recording(meta, false));
            assert!(!export.contains("tcpdump") && !export.contains("packet length"), "{}: {export}", meta.code);
            assert!(!capture.contains("DevTools") && !capture.contains("Export"), "{}: {capture}", meta.code);
        }
        for (code, ..) in BY_RECORDING {
            assert!(catalogue().iter().any(|meta| meta.code == *code), "{code}");
        }
    }

    #[test]
    fn each_row_is_of_a_rule_that_needs_it() {
        for (code, ..) in OTHERS {
            let meta = catalogue().into_iter().find(|meta| meta.code == *code).unwrap();
            assert!(is_of_exchange(meta.remedy, Subject::SharePoint), "{code}: {}", meta.remedy);
        }
    }
}
