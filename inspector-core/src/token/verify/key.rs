//! One key of the set: what is told about it, and whether a token means it.

use std::{fmt, sync::Arc};

use super::{
    algorithm::SignatureAlgorithm,
    certificate::Certificate,
    public_key::{KeyKind, PublicKey},
    thumbprint::{Thumbprint, ThumbprintForm},
};
use crate::token::Token;

/// Who vouches for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The user gave it; the name of the file (or of the option).
    File(String),
    /// It was seen in a recording: whoever could change the token could change the key.
    Recording,
}

impl Origin {
    /// What a signature by such a key proves.
    pub const fn trust(&self) -> Trust {
        match self {
            Self::File(_) => Trust::Pinned,
            Self::Recording => Trust::IntegrityOnly,
        }
    }
}

/// The name of the file, or `the recording`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(name) => f.write_str(name),
            Self::Recording => f.write_str("the recording"),
        }
    }
}

/// What a verified signature proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// The owner of a key the user trusts signed the token.
    Pinned,
    /// The token is as its signer made it, but who that was rests on the recording alone.
    IntegrityOnly,
}

/// What is told about a key. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// Where it is from.
    pub origin: Origin,
    /// Its kind.
    pub kind: KeyKind,
    /// Its `kid` (RFC 7517 §4.5), if its source names one.
    pub kid: Option<String>,
    /// The issuer its source says it belongs to; can be a template (`…@*`, `https://…/{tenantid}/`).
    pub issuer: Option<String>,
    /// Its certificate.
    pub certificate: Option<Certificate>,
    /// Where the recording shows it: host and path of the document, in lower case without port.
    pub published_at: Option<Box<str>>,
}

impl KeyInfo {
    /// The shortest name of the key: its certificate's common name or subject, its `kid`, or its kind.
    pub fn name(&self) -> String {
        let certificate = self.certificate.as_ref();
        let subject = certificate.map(|it| it.common_name.as_ref().unwrap_or(&it.subject).clone());
        subject.filter(|it| !it.is_empty()).or_else(|| self.kid.clone()).unwrap_or_else(|| self.kind.to_string())
    }

    /// Whether the token's `iss` is the issuer of the key; `None` if one of them is not known.
    pub fn is_of_issuer(&self, token: &Token) -> Option<bool> {
        Some(issuer_fits(self.issuer.as_deref()?, &token.claim("iss")?))
    }
}

/// `…@*` stands for every realm, `{tenantid}` for every tenant, and names of principals ignore case.
pub(super) fn issuer_fits(expected: &str, issuer: &str) -> bool {
    const TENANT: &str = "{tenantid}";
    if let Some((before, after)) = expected.split_once(TENANT) {
        let tenant = issuer.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        return tenant.is_some_and(|tenant| !tenant.is_empty() && !tenant.contains('/'));
    }
    if expected.contains("://") {
        return expected.trim_end_matches('/') == issuer.trim_end_matches('/');
    }
    match (expected.rsplit_once('@'), issuer.rsplit_once('@')) {
        (Some((name, realm)), Some((other_name, other_realm))) => {
            let same = name.trim_matches('/').eq_ignore_ascii_case(other_name.trim_matches('/'));
            same && (realm == "*" || realm == other_realm)
        }
        _ => expected == issuer,
    }
}

/// A key read from a source, before it has an origin.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) key: PublicKey,
    pub(super) kid: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) certificate: Option<Certificate>,
    /// Thumbprints its source claims without giving the certificate.
    pub(super) claimed: Vec<Thumbprint>,
    /// `alg` of a JWK: the one algorithm it is for.
    pub(super) algorithm: Option<&'static SignatureAlgorithm>,
}

impl Candidate {
    pub(super) const fn of_key(key: PublicKey) -> Self {
        Self { key, kid: None, issuer: None, certificate: None, claimed: Vec::new(), algorithm: None }
    }
}

/// A key of the set.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) info: Arc<KeyInfo>,
    pub(super) key: PublicKey,
    claimed: Vec<Thumbprint>,
    algorithm: Option<&'static SignatureAlgorithm>,
}

/// What a token says about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// The token names it.
    Named {
        /// By a thumbprint that was computed from the key's certificate.
        by_certificate: bool,
        /// Another of its parameters names another key.
        contradicted: bool,
    },
    /// The token names another one.
    Other,
    /// Nothing they both tell.
    Unrelated,
}

impl Key {
    pub(super) fn new(candidate: Candidate, origin: Origin, published_at: Option<&str>) -> Self {
        let Candidate { key, kid, issuer, certificate, claimed, algorithm } = candidate;
        let published_at = published_at.map(Into::into);
        let info = Arc::new(KeyInfo { origin, kind: key.kind, kid, issuer, certificate, published_at });
        Self { info, key, claimed, algorithm }
    }

    /// Whether both tell the same of the same key.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.key.identity == other.key.identity
            && self.key.kind == other.key.kind
            && self.info.origin.trust() == other.info.origin.trust()
            && self.info.kid == other.info.kid
            && self.info.issuer == other.info.issuer
            && self.info.certificate == other.info.certificate
            && self.info.published_at == other.info.published_at
            && self.claimed == other.claimed
            && self.algorithm == other.algorithm
    }

    /// Whether a signature of this algorithm can be by this key.
    pub(super) fn fits(&self, algorithm: &SignatureAlgorithm) -> bool {
        algorithm.is_for(self.key.kind) && self.algorithm.is_none_or(|only| only.verifier == algorithm.verifier)
    }

    /// What `names` say about this key.
    pub(super) fn relation(&self, names: &Names) -> Relation {
        let computed = |thumbprint: &Thumbprint| {
            self.info.certificate.as_ref().is_some_and(|certificate| {
                thumbprint.bytes == certificate.sha1 || thumbprint.bytes == certificate.sha256
            })
        };
        let claimed = |thumbprint: &Thumbprint| self.claimed.iter().any(|claim| claim.bytes == thumbprint.bytes);
        let (mut by_certificate, mut named, mut contradicted) = (false, false, false);
        for text in &names.texts {
            named |= self.info.kid.as_ref() == Some(text);
        }
        for thumbprint in names.thumbprints.iter().chain(&names.kid_thumbprint) {
            by_certificate |= computed(thumbprint);
            named |= claimed(thumbprint);
        }
        for thumbprint in &names.thumbprints {
            let known = self.info.certificate.is_some()
                || self.claimed.iter().any(|claim| claim.bytes.len() == thumbprint.bytes.len());
            contradicted |= known && !computed(thumbprint) && !claimed(thumbprint);
        }
        if let (Some(kid), Some(own)) = (&names.kid, &self.info.kid) {
            contradicted |= kid != own && !names.kid_thumbprint.iter().any(|it| computed(it) || claimed(it));
        }
        match (named || by_certificate, contradicted) {
            (true, contradicted) => Relation::Named { by_certificate, contradicted },
            (false, true) => Relation::Other,
            (false, false) => Relation::Unrelated,
        }
    }
}

/// How a token names its key: `kid`, `x5t`, `x5t#S256`. What it carries itself (`jwk`, `x5c`) or points at (`jku`,
/// `x5u`) is left out: that is for the sender to choose.
#[derive(Debug, Default)]
pub(super) struct Names {
    kid: Option<String>,
    /// `kid` and `x5t` as text; Microsoft's keys carry the same value in both.
    texts: Vec<String>,
    /// `x5t` and `x5t#S256`.
    thumbprints: Vec<Thumbprint>,
    /// `kid`, if it is spelled as a thumbprint.
    kid_thumbprint: Option<Thumbprint>,
    /// `x5t` or `x5t#S256` that is not what its RFC wants.
    pub(super) deviations: Vec<(&'static str, Option<ThumbprintForm>)>,
}

impl Names {
    pub(super) fn of(token: &Token) -> Self {
        let mut names = Self::default();
        let parameter = |name| token.parameter(name).filter(|text| !text.is_empty());
        if let Some(kid) = parameter("kid") {
            names.kid_thumbprint = Thumbprint::parse(&kid);
            names.texts.push(kid.clone().into_owned());
            names.kid = Some(kid.into_owned());
        }
        for (name, length) in [("x5t", 20), ("x5t#S256", 32)] {
            let Some(text) = parameter(name) else { continue };
            let thumbprint = Thumbprint::parse(&text);
            let form = thumbprint.as_ref().map(|thumbprint| thumbprint.form);
            let proper = thumbprint.as_ref().is_some_and(|it| it.bytes.len() == length);
            if !proper || form != Some(ThumbprintForm::Base64Url) {
                names.deviations.push((name, form));
            }
            names.thumbprints.extend(thumbprint);
            names.texts.push(text.into_owned());
        }
        names
    }

    /// Whether the token names no key at all.
    pub(super) const fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The names for a sentence, each cut to a sensible length.
    pub(super) fn describe(&self) -> String {
        let mut texts: Vec<String> = self.texts.iter().map(|text| text.chars().take(64).collect()).collect();
        texts.dedup();
        texts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers() {
        let acs = "00000001-0000-0000-c000-000000000000";
        for (expected, issuer, fits) in [
            (format!("{acs}@*"), format!("{acs}@7f9c2b1e"), true),
            (format!("{acs}@7f9c2b1e"), format!("{}@7f9c2b1e", acs.to_uppercase()), true),
            (format!("{acs}@7f9c2b1e"), format!("/{acs}@7f9c2b1e"), true),
            (format!("{acs}@7f9c2b1e"), format!("{acs}@aaaa"), false),
            (format!("{acs}@*"), "00000002-0000-0ff1-ce00-000000000000@7f9c2b1e".into(), false),
            ("https://sts.windows.net/{tenantid}/".into(), "https://sts.windows.net/7f9c2b1e/".into(), true),
            ("https://sts.windows.net/{tenantid}/".into(), "https://sts.windows.net//".into(), false),
            ("https://sts.windows.net/{tenantid}/".into(), "https://sts.windows.net/a/b/".into(), false),
            ("https://sts.example".into(), "https://sts.example/".into(), true),
            ("https://sts.example".into(), "https://sts.example.org".into(), false),
            ("joe".into(), "joe".into(), true),
            ("joe".into(), "Joe".into(), false),
        ] {
            assert_eq!(issuer_fits(&expected, &issuer), fits, "{expected} {issuer}");
        }
    }
}
