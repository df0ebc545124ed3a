//! Every place of an exchange a token or a credential can be in.

use crate::{
    evidence::Part,
    http::auth::{Challenge, Credentials},
    secret::Secret,
    token::Sighting,
};

/// A `name=value` pair of a query, a form or a JSON document's top level. Values can be secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Decoded name.
    pub name: String,
    /// Decoded value.
    pub value: Secret<String>,
    /// Where it was: [`Part::RequestUrl`], [`Part::RequestBody`], or [`Part::ResponseHeader`] for a `Location`'s query
    /// and fragment.
    pub part: Part,
}

/// A user name and password outside `Authorization`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Password {
    /// How it was carried.
    pub carrier: PasswordCarrier,
    /// User name.
    pub user: String,
    /// The password, digest or secret.
    pub password: Secret<String>,
    /// Where.
    pub part: Part,
    /// Field, parameter or element.
    pub name: String,
}

/// Carriers of passwords other than `Authorization: Basic`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PasswordCarrier {
    /// `user:password@` in a URL (target, `Referer`, `Location`).
    Url,
    /// WS-Security `UsernameToken` with `PasswordText` (or no type).
    WsText,
    /// WS-Security `UsernameToken` with `PasswordDigest`.
    WsDigest,
}

/// Everything found in one exchange.
#[derive(Debug, Default)]
pub struct Extraction {
    /// Credentials of `Authorization` and `Proxy-Authorization` fields, and of requests embedded in a `$batch` content.
    pub credentials: Vec<Credentials>,
    /// Challenges of `WWW-Authenticate` and `Proxy-Authenticate`.
    pub challenges: Vec<Challenge>,
    /// Tokens.
    pub sightings: Vec<Sighting>,
    /// Parameters of the query, of a form content, of a `Location`.
    pub parameters: Vec<Parameter>,
    /// Passwords outside `Authorization`.
    pub passwords: Vec<Password>,
    /// Names of the fields of [`crate::limits::Limits`] that were reached: something was not searched. Each once.
    pub limits: Vec<&'static str>,
}
