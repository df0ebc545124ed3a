//! The set of keys signatures are verified with, and the reading of whatever file they come in.

use std::{borrow::Cow, sync::Arc};

use super::{
    confusion::Encoded,
    federation, json,
    key::{Candidate, Key, KeyInfo, Origin, issuer_fits},
    pem,
    public_key::PublicKey,
    source::{Found, Skipped},
};
use crate::{http::base64, limits::Limits, secret::Secret, token::Token};

/// Keys to verify with.
///
/// Keys are never fetched, and never taken from a token itself.
#[derive(Debug)]
pub struct VerificationKeys {
    pub(super) keys: Vec<Key>,
    most: usize,
    /// Keys tried on one token.
    pub(super) trials: usize,
    /// Longest source, in bytes.
    longest: usize,
    /// Issuers with the place of their keys, as their own discovery documents tell.
    discovered: Vec<(String, String)>,
}

/// Discovery documents remembered.
const DISCOVERED: usize = 256;

/// How a recording shows that a key is an issuer's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// The issuer's discovery document names the place it was published at.
    Named,
    /// It was published at the issuer's host, which may have keys of several issuers.
    SameHost,
}

/// What a source of keys was told to be by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyFormat {
    /// A JSON Web Key Set (RFC 7517 §5).
    Jwks,
    /// One JSON Web Key.
    Jwk,
    /// Certificates and public keys in PEM.
    Pem,
    /// One certificate or public key in DER (or its base64).
    Der,
    /// Metadata JSON of Exchange, SharePoint or ACS.
    Metadata,
    /// Federation metadata (XML).
    FederationMetadata,
    /// A secret for HMAC.
    Secret,
}

impl KeyFormat {
    /// In words for the user.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jwks => "JWKS",
            Self::Jwk => "JWK",
            Self::Pem => "PEM",
            Self::Der => "DER",
            Self::Metadata => "metadata JSON",
            Self::FederationMetadata => "federation metadata",
            Self::Secret => "secret",
        }
    }
}

/// What was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// What the source is.
    pub format: KeyFormat,
    /// The keys in it, also those that were known already.
    pub keys: Vec<Arc<KeyInfo>>,
    /// Keys that could not be used; to be told to the user.
    pub skipped: Vec<Skipped>,
    /// Keys beyond [`Limits::signing_keys`], which were not read.
    pub beyond_limit: usize,
}

/// Why a source gave no key, in words for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Its content is none of the accepted.
    #[error(
        "this is no file of keys: accepted are a JWKS or JWK, certificates and public keys (RSA, EC, Ed25519) in PEM or \
         DER, the metadata JSON of Exchange, SharePoint or ACS, and federation metadata (XML)"
    )]
    Unknown,
    /// It is JSON, but damaged.
    #[error("this looks like JSON, but cannot be read: {0}")]
    Json(String),
    /// An OpenID discovery document, which holds no keys.
    #[error(
        "this is a discovery document; its keys are in another one, at the address its jwks_uri tells: save and give that"
    )]
    Discovery,
    /// It holds keys, but none that can be used.
    #[error("no key in this {} can be used{}", format.as_str(), reasons(skipped))]
    NoKey {
        /// What the source is.
        format: KeyFormat,
        /// The keys and why not.
        skipped: Vec<Skipped>,
    },
    /// It is longer than [`Limits::decoded_body`].
    #[error("this is too long for a file of keys ({length} bytes; at most {limit})")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// The first few reasons, as the end of a sentence.
fn reasons(skipped: &[Skipped]) -> String {
    let few: Vec<String> = skipped.iter().take(3).map(|one| format!("{}: {}", one.which, one.why)).collect();
    let more = skipped.len().saturating_sub(few.len());
    match (few.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!(" ({})", few.join("; ")),
        (false, more) => format!(" ({}; and {more} more)", few.join("; ")),
    }
}

impl Default for VerificationKeys {
    fn default() -> Self {
        Self::new(&Limits::default())
    }
}

impl VerificationKeys {
    /// An empty set bounded by [`Limits::signing_keys`] and [`Limits::key_trials`].
    pub const fn new(limits: &Limits) -> Self {
        Self {
            keys: Vec::new(),
            most: limits.signing_keys,
            trials: limits.key_trials,
            longest: limits.decoded_body,
            discovered: Vec::new(),
        }
    }

    /// Whether it holds no key.
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// All keys, in the order they were added.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Arc<KeyInfo>> {
        self.keys.iter().map(|key| &key.info)
    }

    /// The public keys in DER.
    pub(super) fn encoded(&self) -> impl Iterator<Item = (&KeyInfo, &Encoded)> {
        self.keys.iter().filter_map(|key| Some((&*key.info, key.key.encoded.as_ref()?)))
    }

    /// Adds the keys of a file, or of a document seen in a recording; its content tells what it is.
    ///
    /// Damaged keys are left out and named in the summary. It is an error if nothing is left.
    pub fn add(&mut self, bytes: &[u8], origin: &Origin) -> Result<Added, KeyError> {
        if bytes.len() > self.longest {
            return Err(KeyError::TooLong { length: bytes.len(), limit: self.longest });
        }
        let (format, found) = self.read(bytes, origin)?;
        self.keep(format, found, origin, None)
    }

    /// Adds the keys of a document a recording shows, with the place it was published at: host and path, in lower case
    /// without port.
    pub(crate) fn add_published(&mut self, bytes: &[u8], place: &str) -> Result<Added, KeyError> {
        if bytes.len() > self.longest {
            return Err(KeyError::TooLong { length: bytes.len(), limit: self.longest });
        }
        let (format, found) = self.read(bytes, &Origin::Recording)?;
        self.keep(format, found, &Origin::Recording, Some(place))
    }

    /// Keeps that an issuer's own discovery document names a place for its keys (`jwks_uri`).
    pub(crate) fn add_discovery(&mut self, issuer: &str, place: &str) {
        let known = |(one, other): &(String, String)| one == issuer && other == place;
        if self.discovered.len() < DISCOVERED && !self.discovered.iter().any(known) {
            self.discovered.push((issuer.to_owned(), place.to_owned()));
        }
    }

    /// Whether the recording shows that a key is the own of a token's issuer, and how surely.
    pub(super) fn is_own(&self, key: &KeyInfo, token: &Token) -> Option<Own> {
        let (place, issuer) = (key.published_at.as_deref()?, token.claim("iss")?);
        let named = |(of, at): &(String, String)| at == place && issuer_fits(of, &issuer);
        if self.discovered.iter().any(named) {
            return Some(Own::Named);
        }
        let (scheme, rest) = issuer.split_once("://")?;
        let host = rest.split(['/', '?', '#']).next()?.split(':').next()?;
        let same = place.split('/').next().is_some_and(|at| !at.is_empty() && at.eq_ignore_ascii_case(host));
        (same && scheme.eq_ignore_ascii_case("https")).then_some(Own::SameHost)
    }

    /// Adds a secret for HMAC (HS256 and so on). One that is the base64 of something else, as the client secrets of ACS
    /// and SharePoint are, is tried in both readings.
    pub fn add_secret(&mut self, secret: &Secret<Vec<u8>>, origin: &Origin) -> Result<Added, KeyError> {
        let bytes = secret.reveal();
        let decoded = std::str::from_utf8(bytes).ok().and_then(base64::decode).map(|decoded| decoded.bytes);
        let mut found = Found::new("secret", self.most);
        found.push(0, PublicKey::secret(bytes, decoded.as_deref()).map(Candidate::of_key));
        self.keep(KeyFormat::Secret, found, origin, None)
    }

    fn read(&self, bytes: &[u8], origin: &Origin) -> Result<(KeyFormat, Found), KeyError> {
        let mut found = Found::new("key", self.most);
        if pem::read_der(bytes, &mut found) {
            return Ok((KeyFormat::Der, found));
        }
        let text = text(bytes).ok_or(KeyError::Unknown)?;
        let text = text.trim();
        if text.starts_with(['{', '[']) {
            let document = serde_json::from_str(text).map_err(|error| KeyError::Json(error.to_string()))?;
            let symmetric = matches!(origin, Origin::File(_));
            let format = json::read(&document, symmetric, &mut found)?;
            return Ok((format, found));
        }
        if text.starts_with('<') {
            let mut found = Found::new("certificate", self.most);
            let is_metadata = federation::read(text, &mut found);
            return if is_metadata { Ok((KeyFormat::FederationMetadata, found)) } else { Err(KeyError::Unknown) };
        }
        if pem::is_pem(text) {
            let mut found = Found::new("PEM block", self.most);
            pem::read(text, &mut found);
            return Ok((KeyFormat::Pem, found));
        }
        match base64::decode(text) {
            Some(decoded) if pem::read_der(&decoded.bytes, &mut found) => Ok((KeyFormat::Der, found)),
            _ => Err(KeyError::Unknown),
        }
    }

    fn keep(
        &mut self,
        format: KeyFormat,
        found: Found,
        origin: &Origin,
        place: Option<&str>,
    ) -> Result<Added, KeyError> {
        let Found { keys, skipped, beyond, .. } = found;
        let mut added = Added { format, keys: Vec::new(), skipped, beyond_limit: beyond };
        for candidate in keys {
            let key = Key::new(candidate, origin.clone(), place);
            if let Some(known) = self.keys.iter().find(|known| known.is_same(&key)) {
                added.keys.push(Arc::clone(&known.info));
            } else if self.keys.len() >= self.most {
                added.beyond_limit += 1;
            } else {
                added.keys.push(Arc::clone(&key.info));
                self.keys.push(key);
            }
        }
        if added.keys.is_empty() && added.beyond_limit == 0 {
            return Err(KeyError::NoKey { format, skipped: added.skipped });
        }
        Ok(added)
    }
}

/// The text of a file: UTF-8 or, as PowerShell's `>` writes it, UTF-16; without byte order mark.
fn text(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let utf_16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.as_chunks::<2>().0.iter().map(|&pair| unit(pair));
        char::decode_utf16(units).collect::<Result<String, _>>().ok().map(Cow::Owned)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf_16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf_16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => std::str::from_utf8(rest).ok().map(Cow::Borrowed),
        _ => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
    }
}
