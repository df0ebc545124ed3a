//! The classes of tokens: the first rule that matches decides.

use super::{
    Members, Token, TokenKind,
    principal::{Principal, is_guid},
};

/// The class of a JWT whose header is readable. `parts` is its number of parts.
pub(super) fn classify(token: &Token, parts: usize) -> TokenKind {
    let claims = &token.claims;
    if parts == 5 || token.header.contains_key("enc") {
        return TokenKind::Jwe;
    }
    if actor_text(claims).is_some() {
        return TokenKind::S2sOuter;
    }
    // Before the actor token: a SharePoint context token's issuer is the ACS too.
    if claims.contains_key("appctx") || claims.contains_key("appctxsender") {
        return TokenKind::AppContext;
    }
    if token.claim("ver").as_deref() == Some("hashedprooftoken") {
        return TokenKind::ProofToken;
    }
    let audience = token.audience();
    if audience.as_ref().is_some_and(|audience| is_sts(&audience.name)) {
        return TokenKind::S2sAssertion;
    }
    if is_actor(token, audience) {
        return TokenKind::S2sActor;
    }
    if token.claim("iss").is_some_and(|issuer| is_entra(&issuer)) {
        return if is_entra_id(token) { TokenKind::EntraId } else { TokenKind::EntraAccess };
    }
    if token.header.contains_key("ctx") && token.algorithm().eq_ignore_ascii_case("HS256") {
        return TokenKind::Broker;
    }
    let kind = token.parameter("typ").unwrap_or_default();
    if kind.eq_ignore_ascii_case("pop") || (claims.contains_key("at") && claims.contains_key("cnf")) {
        return TokenKind::Pop;
    }
    if kind.eq_ignore_ascii_case("dpop+jwt") {
        return TokenKind::Dpop;
    }
    TokenKind::Jwt
}

/// The nested actor token's text: `actortoken` on the wire, `actort` in [MS-XOAUTH]. `actor` is a principal's name, no
/// token, and stays one.
pub(super) fn actor_text(claims: &Members) -> Option<&str> {
    ["actortoken", "actort"]
        .into_iter()
        .filter_map(|name| claims.get(name)?.as_str())
        .find(|text| text.contains('.'))
        .map(|text| text.strip_prefix("Bearer ").unwrap_or(text))
}

/// Whether a token issued in this shape can only be meant for the token endpoint or stands for an application: what
/// [`TokenKind::S2sAssertion`] means where such a token is posted as `assertion` or `client_assertion`.
pub(super) fn is_actor_like(token: &Token) -> bool {
    match token.kind {
        TokenKind::S2sActor | TokenKind::S2sAssertion => true,
        TokenKind::Jwt => token.issuer().is_some_and(is_application),
        _ => false,
    }
}

fn is_actor(token: &Token, audience: Option<&Principal>) -> bool {
    if !audience.is_some_and(|audience| audience.realm.is_some() || audience.host.is_some()) {
        return false;
    }
    let Some(issuer) = token.issuer() else { return false };
    is_sts(&issuer.name) || (is_application(issuer) && token.name_id().is_some_and(is_application))
}

/// `id@realm`, where the id is a GUID: a user's `name@domain` is none.
fn is_application(principal: &Principal) -> bool {
    principal.realm.is_some() && principal.is_guid()
}

/// The token service's own principal: worldwide, and as the specification and the Chinese cloud spell it.
fn is_sts(name: &str) -> bool {
    [
        "00000001-0000-0000-c000-000000000000",
        "00000001-0001-0000-c000-000000000000",
        "00000001-0002-0000-c000-000000000000",
    ]
    .iter()
    .any(|id| name.eq_ignore_ascii_case(id))
}

/// Microsoft Entra ID's issuers, in all clouds.
fn is_entra(issuer: &str) -> bool {
    let Some(rest) = issuer.strip_prefix("https://") else { return false };
    let host = rest.split(['/', ':']).next().unwrap_or_default().to_ascii_lowercase();
    [
        "sts.windows.net",
        "sts.chinacloudapi.cn",
        "sts.microsoftonline.de",
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.microsoftonline.de",
        "login.partner.microsoftonline.cn",
        "login-us.microsoftonline.com",
        "login.windows.net",
        "login.chinacloudapi.cn",
    ]
    .contains(&host.as_str())
}

/// An id_token: a nonce, a bare client id as audience, and no permissions.
fn is_entra_id(token: &Token) -> bool {
    let has = |name: &str| token.claims.contains_key(name);
    has("nonce") && !has("scp") && !has("roles") && token.audiences().first().is_some_and(|audience| is_guid(audience))
}

/// The family of an opaque token, by its prefix. The prefixes are observations, not promises of their issuers.
pub(super) fn family(text: &str) -> Option<&'static str> {
    const PREFIXES: &[(&str, &str)] = &[
        ("cwt=", "cwt"),
        ("t=", "msa"),
        ("EwA", "msa"),
        ("EwB", "msa"),
        ("EwC", "msa"),
        ("EwD", "msa"),
        ("M.C", "msa-code"),
        ("M.R", "msa-code"),
        ("0.A", "entra-refresh"),
        ("1.A", "entra-refresh"),
        ("PAQAB", "entra-refresh"),
        ("AQAB", "entra-code"),
        ("ya29.", "google"),
        ("1//", "google-refresh"),
        ("ghp_", "github"),
        ("gho_", "github"),
        ("ghu_", "github"),
        ("ghs_", "github"),
        ("ghr_", "github"),
        ("github_pat_", "github"),
        ("glpat-", "gitlab"),
        ("xoxb-", "slack"),
        ("xoxp-", "slack"),
        ("sk_live_", "stripe"),
    ];
    PREFIXES.iter().find(|(prefix, _)| text.starts_with(prefix)).map(|(_, family)| *family)
}
