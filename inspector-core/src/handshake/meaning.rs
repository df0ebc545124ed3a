//! What a refusal means, and what to do: by the server's words, the product, the kind of token and the profile together.
//!
//! A category alone misleads: `invalid_grant` is a partner application without an account at Exchange on premises, and an
//! application without permissions at Exchange Online. So each row of `ROWS` says at which product, for which token and
//! for which words it holds; the first that holds counts. Where none does, the category does.
//!
//! Remedies name the commands of a product only where the profile asks about that product.

use serde_json::Value;

use super::diagnostics::{self, Explanation, ServerReason};
use crate::{
    profile::{Judgement, Profile},
    time::Timestamp,
    token::{Token, TokenKind},
};

/// Seconds clocks may differ.
const CLOCK_SKEW: i64 = super::observation::CLOCK_SKEW as i64;

/// Longest answer whose words are read, in bytes.
const LONGEST: usize = 64 << 10;

/// Whose commands a remedy may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The profile asks about Exchange.
    Exchange,
    /// The profile asks about SharePoint.
    SharePoint,
    /// The profile asks about any API.
    Api,
}

impl Subject {
    /// What the profile asks about: by its question, and by the resource it names first.
    pub fn of(profile: &Profile) -> Self {
        if profile.judgement != Judgement::ServerToServer {
            return Self::Api;
        }
        let known = profile.resources.iter().find_map(|resource| match resource.id.to_ascii_lowercase().as_str() {
            "00000002-0000-0ff1-ce00-000000000000" => Some(Self::Exchange),
            "00000003-0000-0ff1-ce00-000000000000" => Some(Self::SharePoint),
            _ => None,
        });
        known.unwrap_or(Self::Api)
    }
}

/// Who refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Product {
    ExchangeOnline,
    SharePointOnline,
    /// SharePoint, wherever it is.
    SharePoint,
    Graph,
    /// Exchange on premises, by its words or its endpoints.
    Exchange,
    Other,
}

/// What was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// An application with a token of Microsoft Entra ID, which it got by a client secret.
    EntraSecret,
    /// The same, by a certificate, a managed identity, or in a way the token does not tell.
    EntraApplication,
    /// A user with a token of Microsoft Entra ID.
    EntraUser,
    /// An application with a token of the Access Control Service.
    AcsApplication,
    /// The user of an add-in, with a token of the Access Control Service.
    AddInUser,
    /// Server-to-server OAuth: an outer token.
    Outer,
    /// Anything else.
    Other,
}

/// What is wrong with the token by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It had ended when it was sent.
    Ended,
    /// It had not begun.
    Ahead,
    /// It is neither; at that time it was valid.
    Valid,
    /// Microsoft Entra ID gave it no permission.
    NoPermission,
}

/// When a row holds. An empty list holds for all.
struct Row {
    subjects: &'static [Subject],
    products: &'static [Product],
    holders: &'static [Holder],
    states: &'static [State],
    /// The category, or words of the server in lower case; any of them.
    said: &'static [&'static str],
    explains: Explanation,
}

const fn row(said: &'static [&'static str], meaning: &'static str, remedy: &'static str) -> Row {
    let explains = Explanation { category: "", code: 0, meaning, remedy };
    Row { subjects: &[], products: &[], holders: &[], states: &[], said, explains }
}

impl Row {
    const fn at(self, products: &'static [Product]) -> Self {
        Self { products, ..self }
    }

    const fn by(self, holders: &'static [Holder]) -> Self {
        Self { holders, ..self }
    }

    const fn being(self, states: &'static [State]) -> Self {
        Self { states, ..self }
    }

    const fn asked(self, subjects: &'static [Subject]) -> Self {
        Self { subjects, ..self }
    }

    fn holds(&self, case: &Case) -> bool {
        const fn any<T>(list: &[T]) -> bool {
            list.is_empty()
        }
        (any(self.subjects) || self.subjects.contains(&case.subject))
            && (any(self.products) || self.products.iter().any(|product| case.is_at(*product)))
            && (any(self.holders) || self.holders.contains(&case.holder))
            && (any(self.states) || self.states.iter().any(|state| case.states.contains(state)))
            && (any(self.said) || self.said.iter().any(|words| case.said.contains(words)))
    }
}

const LIFETIME: &[&str] = &[
    "token_expired",
    "expired",
    "lifetime",
    "not yet valid",
    "notbefore",
    "not before",
    "exp claim",
    "nbf",
    "idx10223",
    "idx10222",
];
const AUDIENCE: &[&str] = &["audience", "invalid_resource", "idx10214", "invalid for current resource"];
const NO_PERMISSION: &[&str] =
    &["no permission", "permissions can", "roles claim", "role claim", "scope claim", "no roles"];
const WEAK: &[&str] = &["auth strength", "too weak", "client secret", "app assertion", "certificate"];
const UNSUPPORTED: &[&str] = &["unsupported app only token", "app-only token", "app only token"];
const ACCOUNT: &[&str] = &["linked account", "rbac"];
const SIGNATURE: &[&str] = &["invalid_signature", "invalid signature", "signature validation", "idx1050", "idx10511"];
const ISSUER: &[&str] = &[
    "invalid_issuer",
    "invalid issuer",
    "could not resolve issuer",
    "issuer is not trusted",
    "issuer token",
    "idx10205",
    "untrusted issuer",
];
const FORBIDDEN: &[&str] = &[
    "access denied",
    "accessdenied",
    "access_denied",
    "unauthorized operation",
    "does not have permission",
    "insufficient privileges",
    "authorization_requestdenied",
    "insufficient_scope",
];
const CLIENT: &[&str] = &["invalid_client", "application is disabled", "service principal"];
const USER: &[&str] = &["invalid_user", "user not found", "could not be resolved"];

const ENTRA_APPLICATION: &[Holder] = &[Holder::EntraApplication, Holder::EntraSecret];

/// By product and token first, then by what holds everywhere.
static ROWS: &[Row] = &[
    // Lifetimes: the token tells whether it or a clock is wrong.
    row(
        LIFETIME,
        "the token had ended before it was sent",
        "Let the caller get a new token before the old one ends; restart it if it keeps a stale one.",
    )
    .being(&[State::Ended]),
    row(
        LIFETIME,
        "the token was sent before it begins to be valid: a clock is wrong",
        "Synchronise the clocks of the caller and the token service.",
    )
    .being(&[State::Ahead]),
    row(
        LIFETIME,
        "the server takes the token for ended or not yet valid, though it is valid by the recording's clock: a clock is wrong",
        "Synchronise the clock of the server with that of the token service.",
    )
    .being(&[State::Valid]),
    // Exchange Online takes applications of Entra by their permissions, not as partner applications.
    row(
        WEAK,
        "the application got its token by a client secret, and Exchange Online wants a certificate",
        "Let the application sign in with a certificate or a managed identity, not with a client secret.",
    )
    .at(&[Product::ExchangeOnline])
    .by(&[Holder::EntraSecret]),
    row(
        NO_PERMISSION,
        "the application's token has no permission for Exchange Online",
        "Give the application the permission full_access_as_app of Office 365 Exchange Online, or a role by RBAC for \
         Applications; let an administrator consent, and get a new token: its roles must name the permission.",
    )
    .at(&[Product::ExchangeOnline])
    .by(ENTRA_APPLICATION),
    row(
        &["invalid_grant", "invalid_token", "linked account", "rbac"],
        "the application's token has no permission for Exchange Online",
        "Give the application the permission full_access_as_app of Office 365 Exchange Online, or a role by RBAC for \
         Applications; let an administrator consent, and get a new token: its roles must name the permission.",
    )
    .at(&[Product::ExchangeOnline])
    .by(ENTRA_APPLICATION)
    .being(&[State::NoPermission]),
    row(
        ACCOUNT,
        "the application has no role in Exchange Online",
        "Give the application a role by RBAC for Applications (New-ServicePrincipal, New-ManagementRoleAssignment -App), \
         with a scope that has the mailbox.",
    )
    .at(&[Product::ExchangeOnline])
    .by(ENTRA_APPLICATION)
    .asked(&[Subject::Exchange]),
    row(
        ACCOUNT,
        "the application has no role in Exchange Online",
        "Give the application a role by RBAC for Applications, with a scope that has the mailbox.",
    )
    .at(&[Product::ExchangeOnline])
    .by(ENTRA_APPLICATION),
    row(
        NO_PERMISSION,
        "the user's token has no permission for this protocol of Exchange Online",
        "Ask for a delegated permission of Exchange Online that fits the protocol (EWS.AccessAsUser.All for EWS), let the \
         user or an administrator consent, and get a new token: its scp must name it.",
    )
    .at(&[Product::ExchangeOnline])
    .by(&[Holder::EntraUser]),
    row(
        AUDIENCE,
        "the token is for another resource than Exchange Online",
        "Ask for a token for https://outlook.office365.com.",
    )
    .at(&[Product::ExchangeOnline])
    .by(&[Holder::EntraApplication, Holder::EntraSecret, Holder::EntraUser]),
    row(
        CLIENT,
        "the application is not known to the tenant, or disabled there",
        "Look the application up among the tenant's enterprise applications, enable it and consent to its permissions.",
    )
    .at(&[Product::ExchangeOnline])
    .by(ENTRA_APPLICATION),
    row(
        &["invalid_tenant"],
        "the mailbox or the application belongs to another tenant",
        "Ask for the token at the tenant of the mailbox.",
    )
    .at(&[Product::ExchangeOnline])
    .by(ENTRA_APPLICATION),
    // SharePoint.
    row(
        UNSUPPORTED,
        "SharePoint takes an application's token of Microsoft Entra ID only if it was got with a certificate",
        "Let the application sign in with a certificate, not with a client secret.",
    )
    .at(&[Product::SharePoint])
    .by(ENTRA_APPLICATION),
    row(
        UNSUPPORTED,
        "the tenant does not take app-only tokens of the Access Control Service (DisableCustomAppAuthentication)",
        "Let the application sign in to Microsoft Entra ID with a certificate; as long as the Access Control Service is \
         offered, an administrator can allow it: Set-SPOTenant -DisableCustomAppAuthentication $false.",
    )
    .at(&[Product::SharePoint])
    .by(&[Holder::AcsApplication])
    .asked(&[Subject::SharePoint]),
    row(
        UNSUPPORTED,
        "the tenant does not take app-only tokens of the Access Control Service (DisableCustomAppAuthentication)",
        "Let the application sign in to Microsoft Entra ID with a certificate; as long as the Access Control Service is \
         offered, the tenant's setting DisableCustomAppAuthentication decides.",
    )
    .at(&[Product::SharePoint])
    .by(&[Holder::AcsApplication]),
    row(
        UNSUPPORTED,
        "SharePoint does not take this kind of app-only token: of the Access Control Service \
         (DisableCustomAppAuthentication), or of Microsoft Entra ID and got without a certificate",
        "Let the application sign in to Microsoft Entra ID with a certificate.",
    )
    .at(&[Product::SharePoint]),
    row(
        AUDIENCE,
        "the token is for another site or resource",
        "Ask for a token for this host: 00000003-0000-0ff1-ce00-000000000000/<host>@<realm>, or https://<host> at \
         Microsoft Entra ID.",
    )
    .at(&[Product::SharePoint]),
    row(
        ISSUER,
        "SharePoint does not trust the issuer of the token",
        "Register the issuer (New-SPTrustedSecurityTokenIssuer, or Set-SPTrustedSecurityTokenIssuer with its metadata), and \
         compare the realm with Get-SPAuthenticationRealm.",
    )
    .at(&[Product::SharePoint])
    .asked(&[Subject::SharePoint]),
    row(
        ISSUER,
        "SharePoint does not trust the issuer of the token",
        "Register the issuer at SharePoint, and compare its realm.",
    )
    .at(&[Product::SharePoint]),
    row(
        SIGNATURE,
        "SharePoint's copy of the issuer's keys does not fit the token's signature",
        "Let SharePoint fetch the issuer's metadata anew (Set-SPTrustedSecurityTokenIssuer).",
    )
    .at(&[Product::SharePoint])
    .asked(&[Subject::SharePoint]),
    row(
        CLIENT,
        "the calling application is not known to SharePoint, or its permission was taken away",
        "Register the application at SharePoint (Register-SPAppPrincipal, or appregnew.aspx) and give it permissions \
         (Set-SPAppPrincipalPermission, or appinv.aspx).",
    )
    .at(&[Product::SharePoint])
    .by(&[Holder::AcsApplication, Holder::AddInUser, Holder::Outer])
    .asked(&[Subject::SharePoint]),
    row(
        CLIENT,
        "the calling application is not known to SharePoint, or its permission was taken away",
        "Look the application up in the tenant, and let an administrator consent to its permissions.",
    )
    .at(&[Product::SharePoint]),
    row(
        FORBIDDEN,
        "the application or the user has no permission for what was called",
        "Give the application a permission for the site (Sites.Selected, or appinv.aspx for an add-in), and let an \
         administrator consent.",
    )
    .at(&[Product::SharePoint]),
    row(
        USER,
        "SharePoint finds no user, or more than one, for the names in the token",
        "Correct UPN, SMTP and SIP addresses in the user's profile and their synchronisation.",
    )
    .at(&[Product::SharePoint]),
    // Microsoft Graph.
    row(
        AUDIENCE,
        "the token is for another resource than Microsoft Graph",
        "Ask for a token for https://graph.microsoft.com.",
    )
    .at(&[Product::Graph]),
    row(
        FORBIDDEN,
        "the token lacks the permission the call needs",
        "Give the application the permission, let an administrator consent, and get a new token: its roles or scp must \
         name it.",
    )
    .at(&[Product::Graph]),
    // Exchange on premises, for tokens that are none of server-to-server OAuth.
    row(
        CLIENT,
        "the application is not known to the server: it takes this application's tokens only as a partner's, or not at all",
        "Look up which applications the server takes: Get-PartnerApplication, and Get-AuthServer for the tenant's.",
    )
    .at(&[Product::Exchange])
    .by(&[Holder::EntraApplication, Holder::EntraSecret, Holder::EntraUser])
    .asked(&[Subject::Exchange]),
    // Anywhere, where the profile does not ask about Exchange: its categories without its commands.
    row(
        SIGNATURE,
        "the server's copy of the issuer's keys does not fit the token's signature",
        "Let the server fetch the issuer's keys anew; compare the token's kid with those it publishes.",
    )
    .asked(&[Subject::SharePoint, Subject::Api]),
    row(
        ISSUER,
        "the issuer of the token is not among those the server trusts",
        "Compare the token's issuer and tenant with what the server is configured for.",
    )
    .asked(&[Subject::SharePoint, Subject::Api]),
    row(
        AUDIENCE,
        "the token is for another resource",
        "Ask for a token for this resource; compare its aud with what the server expects.",
    )
    .asked(&[Subject::SharePoint, Subject::Api]),
    row(
        NO_PERMISSION,
        "the token lacks the permission the call needs",
        "Give the application the permission or the scope, consent, and get a new token.",
    )
    .asked(&[Subject::SharePoint, Subject::Api]),
    row(
        FORBIDDEN,
        "the token lacks the permission the call needs",
        "Give the application the permission or the scope, consent, and get a new token.",
    ),
    row(
        &["invalid_tenant"],
        "the tenant in the token is not one the server takes",
        "Ask for the token at the tenant the server is configured for.",
    )
    .asked(&[Subject::SharePoint, Subject::Api]),
    row(
        USER,
        "the user in the token is not found, or more than one fits",
        "Compare the names of the user in the token with those the server knows.",
    )
    .asked(&[Subject::SharePoint, Subject::Api]),
    row(
        CLIENT,
        "the calling application is not known to the server",
        "Register the application at the server or in its tenant, and enable it.",
    )
    .asked(&[Subject::SharePoint, Subject::Api]),
    row(
        &["invalid_grant", "linked account", "rbac"],
        "the calling application has no permission, or no account, at the server",
        "Give the application its permission or role at the server.",
    )
    .asked(&[Subject::SharePoint, Subject::Api]),
    row(
        &["insufficient_claims", "insufficiant_claims"],
        "claims the server asks for are not met",
        "Let the client ask for a token with the claims of the challenge; check Conditional Access.",
    )
    .asked(&[Subject::SharePoint, Subject::Api]),
    row(
        LIFETIME,
        "the token is outside its lifetime at the server",
        "Synchronise the clocks of caller and server; restart the caller if it keeps a stale token.",
    ),
    row(
        &["invalid_token", "invalidauthenticationtoken"],
        "the token has ended, was withdrawn or changed, or is not for this resource",
        "Get a new token; compare its audience, issuer and lifetime with what the resource expects.",
    )
    .asked(&[Subject::SharePoint, Subject::Api]),
    row(
        &["internal_error"],
        "the server failed while it checked the token",
        "Look at the server's own log at this time.",
    ),
];

/// What is known of a refusal.
struct Case {
    subject: Subject,
    product: Product,
    holder: Holder,
    states: Vec<State>,
    /// Category and words, in lower case.
    said: String,
}

impl Case {
    fn is_at(&self, product: Product) -> bool {
        self.product == product || (product == Product::SharePoint && self.product == Product::SharePointOnline)
    }

    fn explanation(&self) -> Option<&'static Explanation> {
        ROWS.iter().find(|row| row.holds(self)).map(|row| &row.explains)
    }
}

/// The circumstances of a refusal.
#[derive(Debug)]
pub(super) struct Refused<'r> {
    /// Whom the profile asks about.
    pub(super) profile: &'r Profile,
    /// The host that refused.
    pub(super) host: &'r str,
    /// The product of its endpoint, by the profile; empty if it tells none.
    pub(super) product: &'r str,
    /// The token that was presented, and its class.
    pub(super) token: Option<(&'r Token, TokenKind)>,
    /// When.
    pub(super) time: Option<Timestamp>,
    /// The content of the answer.
    pub(super) content: Option<&'r [u8]>,
}

/// Adds the words of the answer to what the server said, and what it means.
pub(super) fn explain(reason: &mut ServerReason, refused: &Refused<'_>) {
    if let Some(words) = refused.content.and_then(words)
        && reason.text.as_deref().is_none_or(|text| !text.contains(words.as_str()))
    {
        let text = reason.text.take().filter(|text| !text.is_empty());
        reason.text = Some(match text {
            Some(text) => format!("{} {words}", text.trim_end()),
            None => words,
        });
    }
    let said = [reason.category.as_deref(), reason.text.as_deref()];
    let case = Case {
        subject: Subject::of(refused.profile),
        product: product(refused),
        holder: refused.token.map_or(Holder::Other, |(token, kind)| holder(token, kind)),
        states: refused.token.map(|(token, kind)| states(token, kind, refused.time)).unwrap_or_default(),
        said: said.into_iter().flatten().collect::<Vec<_>>().join(" ").to_lowercase(),
    };
    let by_category = || match (&reason.category, reason.code) {
        (Some(category), _) => diagnostics::explain(category),
        (None, Some(code)) => diagnostics::explain_code(code),
        (None, None) => None,
    };
    let of_exchange =
        case.subject == Subject::Exchange && !case.is_at(Product::SharePoint) && case.product != Product::Graph;
    reason.explained = case.explanation().or_else(|| of_exchange.then(by_category).flatten());
}

/// What the JSON of an answer says about its error.
fn words(content: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(content.get(..LONGEST).unwrap_or(content)).ok()?;
    let error = document.get("error").or_else(|| document.get("odata.error"));
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let message = |value: Option<&Value>| text(value).or_else(|| text(value.and_then(|value| value.get("value"))));
    let words = text(document.get("error_description"))
        .or_else(|| message(error.and_then(|error| error.get("message"))))
        .or_else(|| message(document.get("message")))?;
    let words = crate::token::mask::text(words.lines().next().unwrap_or_default().trim());
    (!words.is_empty()).then_some(words)
}

fn product(refused: &Refused<'_>) -> Product {
    let host = refused.host.split(':').next().unwrap_or_default();
    let is_under = |domains: &[&str]| {
        domains
            .iter()
            .any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
    };
    let online =
        ["outlook.office365.com", "outlook.office.com", "outlook.com", "outlook.office365.us", "outlook.office.de"];
    if is_under(&online) || is_under(&["partner.outlook.cn", "outlook.de", "office365.us"]) {
        Product::ExchangeOnline
    } else if is_under(&["sharepoint.com", "sharepoint.us", "sharepoint.cn", "sharepoint.de", "sharepoint-mil.us"]) {
        Product::SharePointOnline
    } else if is_under(&[
        "graph.microsoft.com",
        "graph.microsoft.us",
        "graph.microsoft.de",
        "microsoftgraph.chinacloudapi.cn",
    ]) {
        Product::Graph
    } else {
        match refused.product {
            "SharePoint" => Product::SharePoint,
            "Exchange" => Product::Exchange,
            _ if Subject::of(refused.profile) == Subject::SharePoint => Product::SharePoint,
            _ => Product::Other,
        }
    }
}

fn holder(token: &Token, kind: TokenKind) -> Holder {
    match kind {
        TokenKind::EntraAccess if token.claims.contains_key("scp") => Holder::EntraUser,
        TokenKind::EntraAccess => {
            let method = token.claim("appidacr").or_else(|| token.claim("azpacr"));
            if method.as_deref() == Some("1") { Holder::EntraSecret } else { Holder::EntraApplication }
        }
        TokenKind::S2sActor if token.acting().is_some() => Holder::AddInUser,
        TokenKind::S2sActor => Holder::AcsApplication,
        TokenKind::S2sOuter => Holder::Outer,
        _ => Holder::Other,
    }
}

fn states(token: &Token, kind: TokenKind, time: Option<Timestamp>) -> Vec<State> {
    let mut states = Vec::new();
    if let Some(now) = time.map(Timestamp::seconds) {
        // An outer token ends with the actor token in it.
        let layers = || [Some(token), token.actor.as_deref()].into_iter().flatten();
        let ended = layers().any(|token| token.expires.is_some_and(|end| end.seconds() <= now));
        let ahead = layers()
            .any(|token| token.not_before.is_some_and(|start| start.seconds() > now.saturating_add(CLOCK_SKEW)));
        let known = layers().any(|token| token.expires.is_some() || token.not_before.is_some());
        states.extend(ended.then_some(State::Ended));
        states.extend((ahead && !ended).then_some(State::Ahead));
        states.extend((known && !ended && !ahead).then_some(State::Valid));
    }
    let has = |name: &str| {
        token.claims.get(name).is_some_and(|value| !matches!(value, Value::Null) && *value != Value::Array(Vec::new()))
    };
    states.extend((kind == TokenKind::EntraAccess && !has("roles") && !has("scp")).then_some(State::NoPermission));
    states
}

#[cfg(test)]
mod tests;
