//! BAS-…: Basic and other passwords. The second question: was Basic never sent?

super::rules![
    basic_to_resource::BasicToResource,
    proxy_basic::ProxyBasic,
    basic_offered::BasicOffered,
    basic_only_challenge::BasicOnlyChallenge,
    client_secret_basic::ClientSecretBasic,
    basic_ambiguous::BasicAmbiguous,
    credentials_in_url::CredentialsInUrl,
    basic_malformed::BasicMalformed,
    basic_outcome::BasicOutcome,
    password_grant::PasswordGrant,
    ws_usernametoken::WsUsernametoken,
    forms_login::FormsLogin,
    password_in_jwt::PasswordInJwt,
    password_in_query::PasswordInQuery,
    webticket_password::WebticketPassword,
    ntlm_negotiate_user::NtlmNegotiateUser,
    token_in_basic::TokenInBasic,
    basic_other_carriers::BasicOtherCarriers,
];

use crate::{
    evidence::Part,
    handshake::observation::{Endpoint, Observation},
    http::auth::Basic,
    secret::names::{is_password, is_user},
};

/// What Basic credentials at an endpoint are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// A user's (or a service account's) password, sent to a resource.
    Resource,
    /// A client authenticating at a token endpoint or one of its kin (RFC 6749 §2.3.1).
    Client,
    /// Either: the endpoint's purpose cannot be told.
    Unclear,
    /// They cannot be decoded.
    Malformed,
}

fn use_of(observation: &Observation<'_>, basic: &Basic) -> Use {
    match observation.endpoint {
        _ if basic.malformed => Use::Malformed,
        Endpoint::Token => Use::Client,
        Endpoint::PossibleToken => Use::Unclear,
        _ => Use::Resource,
    }
}

/// A submitted form with a user's name and a password.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoginForm<'e> {
    /// The user's name.
    pub(crate) user: &'e str,
    /// The password's field.
    pub(crate) field: &'e str,
    /// Bytes of the password.
    pub(crate) length: usize,
}

/// The form a browser posted, if it has a user's name and a password that are not empty. OAuth requests are none.
pub(crate) fn login_form<'e>(observation: &Observation<'e>) -> Option<LoginForm<'e>> {
    let head = observation.request().filter(|head| head.method().eq_ignore_ascii_case(b"POST"))?;
    let media = head.media_type()?;
    if media != "application/x-www-form-urlencoded" && media != "multipart/form-data" {
        return None;
    }
    let of_body = || observation.extraction.parameters.iter().filter(|p| p.part == Part::RequestBody);
    let named = |is: fn(&str) -> bool| of_body().find(|p| !p.value.reveal().trim().is_empty() && is(&p.name));
    if of_body().any(|p| p.name.eq_ignore_ascii_case("grant_type")) {
        return None;
    }
    let password = named(is_password)?;
    let user = named(is_user)?;
    Some(LoginForm { user: user.value.reveal(), field: &password.name, length: password.value.reveal().len() })
}
