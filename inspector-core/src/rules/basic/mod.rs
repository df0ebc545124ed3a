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
    handshake::{
        observation::{Endpoint, Observation},
        token_endpoint,
    },
    http::auth::Basic,
    secret::names::{is_password, is_switch, is_user},
    token::extract::{Password, PasswordCarrier},
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

/// A submitted login: a user's name and a password.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoginForm<'e> {
    /// The user's name. Empty if none stands beside the password.
    pub(crate) user: &'e str,
    /// The password's field.
    pub(crate) field: &'e str,
    /// Bytes of the password.
    pub(crate) length: usize,
}

/// Words of a path where somebody signs in.
const LOGIN_WORDS: [&str; 10] =
    ["login", "logon", "signin", "sign-in", "sign_in", "auth", "session", "sso", "authenticate", "account"];

/// The login that was posted, in a form or in any other content: a password that is neither empty nor a switch, and a
/// user's name or a path where somebody signs in. OAuth requests are none.
pub(crate) fn login_form<'e>(observation: &Observation<'e>) -> Option<LoginForm<'e>> {
    let sends = |method: &[u8]| [&b"POST"[..], b"PUT", b"PATCH"].iter().any(|known| method.eq_ignore_ascii_case(known));
    observation.request().filter(|head| sends(head.method()))?;
    let of_body = || observation.extraction.parameters.iter().filter(|p| p.part == Part::RequestBody);
    if of_body().any(|p| p.name.eq_ignore_ascii_case("grant_type"))
        || token_endpoint::asks_by_password(observation.extraction)
    {
        return None;
    }
    let in_form = of_body().find(|p| is_password(&p.name) && !is_switch(p.value.reveal()));
    let user = || of_body().find(|p| is_user(&p.name) && !p.value.reveal().trim().is_empty());
    let form = match in_form {
        Some(password) => LoginForm {
            user: user().map_or("", |user| user.value.reveal()),
            field: &password.name,
            length: password.value.reveal().len(),
        },
        None => {
            let named = |password: &&Password| password.carrier == PasswordCarrier::Named;
            let password = observation.extraction.passwords.iter().find(named)?;
            LoginForm { user: &password.user, field: &password.name, length: password.password.reveal().len() }
        }
    };
    let signs_in = || observation.path.split('/').any(|step| LOGIN_WORDS.iter().any(|word| step.starts_with(word)));
    (!form.user.is_empty() || signs_in()).then_some(form)
}
