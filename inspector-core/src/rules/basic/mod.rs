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
    password_in_query::PasswordInQuery,
    ntlm_negotiate_user::NtlmNegotiateUser,
];

use crate::{
    handshake::observation::{Endpoint, Observation},
    http::auth::Basic,
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
