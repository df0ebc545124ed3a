//! The forms products answer in: what an endpoint gives when it does what it was asked for.
//!
//! Acceptance is shown by an answer in the product's own form, never by the mere absence of a refusal: a device in front
//! answers 200, too, with a page of its own. Which form an endpoint has is data:
//!
//! ```toml
//! [[answers]]
//! path = "/ews"
//! forms = ["soap", "xml", "image"]
//!
//! [[answers]]              # answers anyone: nothing it says tells of credentials
//! path = "/healthcheck.htm"
//! place = "contains"
//! forms = []
//! ```
//!
//! The first that fits decides.

use serde::Deserialize;

use super::Place;

/// A form of an answer's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A SOAP envelope, 1.1 or 1.2.
    Soap,
    /// Any other XML that is no page: plain Autodiscover, Atom, lists of an offline address book.
    Xml,
    /// JSON, also lines of it.
    Json,
    /// MAPI over HTTP ([MS-OXCMAPIHTTP]).
    Mapi,
    /// `ActiveSync` ([MS-ASHTTP]): WBXML.
    ActiveSync,
    /// RPC over HTTP ([MS-RPCH]).
    Rpc,
    /// gRPC, gRPC-web and Connect: the status is in trailers.
    Grpc,
    /// Server-sent events.
    Events,
    /// A picture.
    Image,
    /// Bytes: downloads of any kind.
    Binary,
    /// Plain text, lists and forms of parameters.
    Text,
    /// No content, where the endpoint gives none.
    Empty,
}

/// The forms of the endpoints below a path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerPattern {
    /// The path in lower case.
    pub path: String,
    /// How it is compared.
    #[serde(default)]
    pub place: Place,
    /// What is given there; nothing if it answers anyone.
    pub forms: Vec<Form>,
}

impl AnswerPattern {
    /// Whether a path in lower case fits.
    pub fn matches(&self, path: &str) -> bool {
        self.place.matches(&self.path, path)
    }
}
