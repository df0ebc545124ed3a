//! What is known about a token's signature.

use std::{fmt, sync::Arc};

use super::{
    key::{KeyInfo, Trust},
    thumbprint::ThumbprintForm,
};

/// The answer for one token. A nested actor token has a signature, and an answer, of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// A key verifies it over the token's text as sent.
    Verified {
        /// The key.
        key: Arc<KeyInfo>,
        /// What that proves.
        trust: Trust,
        /// What else is worth knowing.
        remarks: Vec<Remark>,
    },
    /// It is certainly not by the key it should be by.
    Invalid {
        /// Why.
        reason: Reason,
        /// The key that refutes it; `None` if no key can make such a signature.
        key: Option<Arc<KeyInfo>>,
    },
    /// It cannot be told.
    Unverifiable {
        /// Why.
        reason: Reason,
    },
    /// There is none: `alg` is `none`, or the signature is empty.
    Absent,
}

impl Signature {
    /// `verified`, `invalid`, `unverifiable` or `absent`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Verified { .. } => "verified",
            Self::Invalid { .. } => "invalid",
            Self::Unverifiable { .. } => "unverifiable",
            Self::Absent => "absent",
        }
    }

    /// Why it is invalid or unverifiable.
    pub const fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Invalid { reason, .. } | Self::Unverifiable { reason } => Some(reason),
            Self::Verified { .. } | Self::Absent => None,
        }
    }

    /// The key that verifies or refutes it.
    pub fn key(&self) -> Option<&KeyInfo> {
        match self {
            Self::Verified { key, .. } => Some(key),
            Self::Invalid { key, .. } => key.as_deref(),
            Self::Unverifiable { .. } | Self::Absent => None,
        }
    }

    /// Whether a key the user gave verifies it.
    pub fn is_pinned(&self) -> bool {
        matches!(self, Self::Verified { trust: Trust::Pinned, .. })
    }
}

/// Why a signature is invalid or unverifiable. `Display` gives the words; they can quote the token's `kid` and `alg`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// For programs.
    pub code: ReasonCode,
    /// For users: a clause without a full stop.
    pub text: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Declares the codes with their stable spellings.
macro_rules! codes {
    ($(#[doc = $doc:literal] $name:ident = $text:literal,)+) => {
        /// The reasons; the spellings of [`ReasonCode::as_str`] are stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum ReasonCode {
            $(#[doc = $doc] $name,)+
        }

        impl ReasonCode {
            /// The stable kebab-case spelling.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

codes! {
    /// Invalid: the key the token names refutes it.
    SignatureMismatch = "signature-mismatch",
    /// Invalid: no signature of its algorithm (or by its key) has this length.
    SignatureLength = "signature-length",
    /// Invalid: the signature is no base64.
    SignatureNotBase64 = "signature-not-base64",
    /// Invalid: the key the token names is of another kind than its algorithm needs, or meant for another algorithm.
    AlgorithmKeyMismatch = "algorithm-key-mismatch",
    /// Unverifiable: the token is opaque.
    Opaque = "opaque",
    /// Unverifiable: the token is encrypted (JWE).
    Encrypted = "encrypted",
    /// Unverifiable: it is no compact JWS of three parts.
    NotCompactJws = "not-compact-jws",
    /// Unverifiable: white space inside the token; what was signed is not what was sent.
    WhiteSpace = "white-space",
    /// Unverifiable: the token was too long (or nested too deep) to be kept whole.
    TooLarge = "too-large",
    /// Unverifiable: the recording replaced or cut part of it.
    Redacted = "redacted",
    /// Unverifiable: the payload is empty; it may have been sent apart (RFC 7515 appendix F).
    DetachedPayload = "detached-payload",
    /// Unverifiable by design: header `nonce` (Microsoft Graph, SharePoint).
    HeaderNonce = "header-nonce",
    /// Unverifiable by design: the key is derived from a session key (header `ctx`).
    DerivedKey = "derived-key",
    /// Unverifiable: `crit` names extensions (RFC 7515 §4.1.11).
    Critical = "critical-extension",
    /// Unverifiable: `b64` is false (RFC 7797).
    UnencodedPayload = "unencoded-payload",
    /// Unverifiable: `alg` is absent or not registered.
    UnknownAlgorithm = "unknown-algorithm",
    /// Unverifiable: the algorithm, or the kind of its key, is not implemented.
    Unsupported = "unsupported-algorithm",
    /// Unverifiable: no key was given or seen.
    NoKey = "no-key",
    /// Unverifiable: the algorithm needs a secret, and none was given.
    NoSecret = "no-secret",
    /// Unverifiable: the key the token names is not among the known.
    UnknownKey = "unknown-key",
    /// Unverifiable: no known key is of the kind the algorithm needs.
    NoFittingKey = "no-fitting-key",
    /// Unverifiable: none of the known keys verifies it, and it is not certain that one of them should.
    NoKeyVerifies = "no-key-verifies",
    /// Unverifiable: more keys would have to be tried than `Limits::key_trials`.
    TooManyKeys = "too-many-keys",
}

/// Something worth knowing about a verified signature.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remark {
    /// `x5t` or `x5t#S256` is not spelled as RFC 7515 §4.1.7 wants it, or is of the wrong length; `None` if it is no
    /// thumbprint at all.
    ThumbprintForm {
        /// The parameter.
        parameter: &'static str,
        /// How it is spelled.
        form: Option<ThumbprintForm>,
    },
    /// The token does not name the key; it was found by trying.
    FoundByTrial,
    /// Of `kid`, `x5t` and `x5t#S256`, one names this key and another one does not.
    NamesAnotherKey,
    /// A part is padded, in the standard alphabet or has stray bits. It was verified as sent; strict receivers refuse it.
    LaxBase64,
    /// The source of the key says it belongs to another issuer than the token's.
    OtherIssuer,
    /// RSA below 2048 bits, or a secret shorter than the hash (RFC 7518 §3.2, §3.3).
    WeakKey,
}

impl Remark {
    /// The stable kebab-case spelling.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::ThumbprintForm { .. } => "thumbprint-form",
            Self::FoundByTrial => "found-by-trial",
            Self::NamesAnotherKey => "names-another-key",
            Self::LaxBase64 => "lax-base64",
            Self::OtherIssuer => "other-issuer",
            Self::WeakKey => "weak-key",
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ThumbprintForm { parameter, form: Some(ThumbprintForm::Base64Url) } => {
                write!(f, "{parameter} has the length of another hash")
            }
            Self::ThumbprintForm { parameter, form: Some(form) } => {
                write!(f, "{parameter} is spelled as {form}; it should be base64url without padding")
            }
            Self::ThumbprintForm { parameter, form: None } => write!(f, "{parameter} is no thumbprint"),
            Self::FoundByTrial => f.write_str("the token does not name this key; it was found by trying"),
            Self::NamesAnotherKey => f.write_str("kid and x5t of the token name different keys"),
            Self::LaxBase64 => f.write_str(
                "a part of the token is not strict base64url; verified as sent, but strict receivers refuse it",
            ),
            Self::OtherIssuer => f.write_str("the source of this key says it belongs to another issuer"),
            Self::WeakKey => f.write_str("the key is weak: RSA below 2048 bits, or a secret shorter than the hash"),
        }
    }
}
