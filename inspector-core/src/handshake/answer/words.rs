//! How servers say that they did not take the credentials: codes and phrases.
//!
//! Codes are compared without letter case and separators: `invalid_token`, `InvalidToken` and `INVALID-TOKEN` are one.
//! What a caller may not do (`AccessDenied`, `permission_denied`, `ErrorAccessDenied`) is said after it was authenticated,
//! and is not among them.

/// Codes that are about authentication.
const CODES: &[&str] = &[
    // RFC 6750 §3.1, RFC 9470 §3, RFC 6749 §5.2 where a resource repeats it.
    "invalidtoken",
    "insufficientscope",
    "insufficientuserauthentication",
    "invalidgrant",
    "invalidclient",
    // Exchange: `error_category` and SOAP; WS-Security 1.1 §12, WS-Trust 1.3 §11, WCF.
    "errorinvalidtoken",
    "errorinvalidauthorizationcontext",
    "erroraccountdisabled",
    "errorpasswordexpired",
    "errorpasswordchangerequired",
    "invalidissuer",
    "invalidresource",
    "invalidtenant",
    "oauthnotavailable",
    "insufficientclaims",
    "insufficiantclaims",
    "failedauthentication",
    "failedcheck",
    "invalidsecurity",
    "invalidsecuritytoken",
    "unsupportedsecuritytoken",
    "securitytokenunavailable",
    "messageexpired",
    "expireddata",
    "badcontexttoken",
    "authenticationbadelements",
    // Microsoft Graph, Azure, Google, AWS, Salesforce, Slack, GitHub, Meta, gRPC, Apigee, GraphQL servers, JWT libraries.
    "invalidauthenticationtoken",
    "invalidauthenticationtokentenant",
    "expiredauthenticationtoken",
    "authenticationfailedmissingtoken",
    "authenticationfailed",
    "authenticationrequired",
    "authenticationerror",
    "authenticationexception",
    "authfailed",
    "autherror",
    "authrequired",
    "invalidauth",
    "invalidauthentication",
    "invalidauthorization",
    "invalidauthorizationheader",
    "authorizationrequired",
    "authorizationheadermissing",
    "notauthed",
    "notauthenticated",
    "unauthenticated",
    "unauthorized",
    "unauthorised",
    "unauthorizedexception",
    "unauthorizederror",
    "httpunauthorized",
    "invalidaccesstoken",
    "accesstokeninvalid",
    "accesstokenexpired",
    "expiredaccesstoken",
    "expiredtoken",
    "tokenexpired",
    "tokeninvalid",
    "tokenrevoked",
    "tokeninactive",
    "tokenmissing",
    "tokennotvalid",
    "tokenrequired",
    "missingtoken",
    "missingaccesstoken",
    "notokenprovided",
    "invalidbearertoken",
    "invalididtoken",
    "idtokenexpired",
    "invalidjwt",
    "invalidjwttoken",
    "jwtexpired",
    "jwtinvalid",
    "jwtmalformed",
    "jsonwebtokenerror",
    "tokenexpirederror",
    "invalidcredentials",
    "invalidcredential",
    "badcredentials",
    "credentialsexpired",
    "missingcredentials",
    "invalidapikey",
    "invalidsession",
    "invalidsessionid",
    "sessionexpired",
    "sessioninvalid",
    "loginrequired",
    "needlogin",
    "notloggedin",
    "signinrequired",
    "accountinactive",
    "oauthexception",
    "oauthaccesstokenexception",
    "authenticationexpired",
    "invalidoauthtoken",
    "unrecognizedclientexception",
    "invalidclienttokenid",
    "incompletesignature",
    "missingauthenticationtoken",
    "missingauthenticationtokenexception",
];

/// The same inside longer codes: `oauth.v2.InvalidAccessToken`, `keymanagement.service.invalid_access_token`.
const PARTS: &[&str] = &["invalidaccesstoken", "accesstokenexpired", "invalidauthenticationtoken", "unauthenticated"];

/// Phrases of messages for people, in lower case.
const PHRASES: &[&str] = &[
    "linked account",
    "not authenticated",
    "unauthenticated",
    "authentication required",
    "authentication is required",
    "authentication failed",
    "authentication failure",
    "authentication token",
    "authentication credentials were not provided",
    "authentication has failed",
    "failed to authenticate",
    "could not authenticate",
    "could not validate credentials",
    "cannot authenticate",
    "must authenticate",
    "must be authenticated",
    "must be logged in",
    "need to be logged in",
    "not logged in",
    "login required",
    "login is required",
    "please log in",
    "please login",
    "please sign in",
    "invalid credentials",
    "bad credentials",
    "invalid token",
    "invalid access token",
    "invalid bearer",
    "invalid oauth",
    "invalid jwt",
    "invalid authentication",
    "invalid authorization",
    "invalid session",
    "session expired",
    "session has expired",
    "token is invalid",
    "token is not valid",
    "token invalid",
    "token not valid",
    "token expired",
    "token is expired",
    "token has expired",
    "token has been expired",
    "token was revoked",
    "token has been revoked",
    "token is revoked",
    "token revoked",
    "expired token",
    "expired access token",
    "token could not be validated",
    "token validation failed",
    "token verification failed",
    "token signature",
    "token has an invalid",
    "signature verification failed",
    "signature is invalid",
    "missing token",
    "missing bearer",
    "missing access token",
    "missing authorization",
    "no token provided",
    "no authorization",
    "no authentication",
    "no auth token",
    "no valid security token",
    "security token could not be",
    "token required",
    "token is required",
    "access token is missing",
    "jwt expired",
    "jwt malformed",
    "jwt invalid",
    "jwt is expired",
    "jwt must be provided",
    "jwt signature",
    "jwt not active",
    "authorization has been denied",
    "authorization header",
    "authorization required",
    "401 unauthorized",
    "request had invalid authentication credentials",
    "unauthorized",
    "unauthorised",
];

/// Phrases in which one of [`PHRASES`] stands and that are about rights: SharePoint's `UnauthorizedAccessException`.
const RIGHTS: &[&str] = &["unauthorized operation", "unauthorized access to", "not unauthorized"];

/// Longest text that is searched, in bytes.
const LONGEST: usize = 2048;

/// Whether a code is about authentication.
pub(super) fn is_code(code: &str) -> bool {
    if code.len() > 96 {
        return false;
    }
    // `s:Client`, `wsse:FailedAuthentication`: a prefix stands before a colon.
    let code = code.trim();
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let local = code.rsplit([':', '#', '/']).next().unwrap_or_default();
    let local: String = local.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    CODES.contains(&plain.as_str()) || CODES.contains(&local.as_str()) || PARTS.iter().any(|part| plain.contains(part))
}

/// Whether a message for people is about authentication.
pub(super) fn is_phrase(message: &str) -> bool {
    let mut end = message.len().min(LONGEST);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    let text = message.get(..end).unwrap_or_default().to_ascii_lowercase();
    PHRASES.iter().any(|phrase| text.contains(phrase)) && !RIGHTS.iter().any(|rights| text.contains(rights))
}

/// Whether a number is a status or a code that stands for missing or refused authentication: HTTP's, and those of ArcGIS.
pub(super) const fn is_number(code: u64) -> bool {
    matches!(code, 401 | 498 | 499)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        for code in [
            "invalid_token",
            "InvalidToken",
            "wsse:FailedAuthentication",
            "a:ErrorInvalidToken",
            "UNAUTHENTICATED",
            "oauth.v2.InvalidAccessToken",
            "not_authed",
            "INVALID_SESSION_ID",
            "http://docs.oasis-open.org/ws-sx/ws-trust/200512#FailedAuthentication",
        ] {
            assert!(is_code(code), "{code}");
        }
        for code in [
            "",
            "s:Client",
            "ErrorAccessDenied",
            "permission_denied",
            "Forbidden",
            "ErrorNonExistentMailbox",
            "not_found",
        ] {
            assert!(!is_code(code), "{code}");
        }
    }

    #[test]
    fn phrases() {
        for text in [
            "The token has an invalid signature.",
            "jwt expired",
            "Unauthorized",
            "The application is missing a linked account for RBAC roles",
            "Authorization has been denied for this request.",
        ] {
            assert!(is_phrase(text), "{text}");
        }
        for text in [
            "",
            "name required",
            "Attempted to perform an unauthorized operation.",
            "The specified object was not found in the store.",
            "Access is denied. Check credentials and try again.",
        ] {
            assert!(!is_phrase(text), "{text}");
        }
        is_phrase(&"\u{e4}".repeat(4000));
    }
}
