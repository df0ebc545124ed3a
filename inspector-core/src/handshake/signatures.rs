//! What is known of the signatures of tokens.

use std::sync::Arc;

use crate::{
    bounded::Index,
    profile::Issuer,
    secret::Fingerprint,
    time::Timestamp,
    token::{
        Token, TokenKind, mask,
        verify::{self, KeyInfo, KeyKind, ReasonCode, Trust, Validity, VerificationKeys},
    },
};

/// The state of a token's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signature {
    /// It fits a key the user gave, or one seen in the recording; [`SignatureState::key`] tells which.
    Verified,
    /// It fits none of the keys that would have to.
    Invalid,
    /// It cannot be told.
    Unverifiable,
    /// There is none.
    Absent,
}

/// The reason of [`Signature::Unverifiable`] where keys were given and none has the token's `x5t` or `kid`.
pub const KEY_UNKNOWN: &str = "no key that was given has its x5t or kid";

/// How the reason of [`Signature::Unverifiable`] begins where keys were given and none of them verifies the token.
pub const KEYS_DO_NOT_FIT: &str = "the keys that were given do not fit";

/// What to do where keys do not fit a token, or may not.
pub(crate) const GET_KEYS: &str = "Fetch the issuer's current keys and judge again: those that were given may be of another \
                                   tenant, cloud or time. If they are the right ones, the token was changed: refuse it at \
                                   the receiver.";

/// What is known of the signature of one token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureState {
    /// The token.
    pub token: Fingerprint,
    /// The state.
    pub signature: Signature,
    /// Why: a clause without a full stop.
    pub reason: String,
    /// The key that verifies or refutes it.
    pub key: Option<Arc<KeyInfo>>,
    /// Whether the moment the token is judged at lies in the validity of the key's certificate; `None` without one.
    pub certificate: Option<Validity>,
}

impl SignatureState {
    const fn new(token: Fingerprint, signature: Signature, reason: String) -> Self {
        Self { token, signature, reason, key: None, certificate: None }
    }

    /// Whether a key that the recording shows verifies or refutes it.
    pub fn is_by_recording(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.origin.trust() == Trust::IntegrityOnly)
    }

    /// Whether keys were given, and the token's is not among them or none of them verifies it.
    pub fn keys_do_not_fit(&self) -> bool {
        self.signature == Signature::Unverifiable
            && (self.reason == KEY_UNKNOWN || self.reason.starts_with(KEYS_DO_NOT_FIT))
    }

    /// Whether the certificate of the key is not valid at the moment the token is judged at.
    pub const fn is_outside_validity(&self) -> bool {
        matches!(self.certificate, Some(Validity::Expired | Validity::NotYetValid))
    }
}

/// Issuers kept that publish keys.
const PUBLISHERS: usize = 1024;

/// Results of verification, by token.
#[derive(Debug)]
pub struct Signatures {
    known: Index<Fingerprint, SignatureState>,
    limit: usize,
    publishers: Vec<Issuer>,
    /// The recording showed keys.
    recorded: bool,
}

impl Signatures {
    /// Room for `limit` tokens.
    pub fn new(limit: usize) -> Self {
        Self { known: Index::default(), limit, publishers: Vec::new(), recorded: false }
    }

    /// Keeps that an issuer (an `iss` value, or a pattern of one such as `id@*`) publishes the public keys it signs with.
    pub fn add_publisher(&mut self, issuer: &str) {
        let known = self.publishers.iter().any(|publisher| publisher.issuer == issuer);
        if !known && !issuer.is_empty() && self.publishers.len() < PUBLISHERS {
            self.publishers.push(Issuer { issuer: issuer.to_owned(), name: None, source: None });
        }
    }

    /// Whether the sources of the keys that were given name an issuer.
    pub const fn has_publishers(&self) -> bool {
        !self.publishers.is_empty()
    }

    /// Whether the issuer publishes the public keys it signs with, by the keys that were given.
    pub fn publishes(&self, issuer: &str) -> bool {
        self.publishers.iter().any(|publisher| publisher.admits(issuer))
    }

    /// The result of verifying that token, if there is one.
    pub fn result(&self, token: Fingerprint) -> Option<&SignatureState> {
        self.known.get(&token)
    }

    /// Whether the key that refutes a token need not be the one that was meant: the user gave it, it goes by a name that
    /// anybody can give a key, and it verifies no other token.
    pub fn may_be_wrong_key(&self, state: &SignatureState) -> bool {
        let Some(key) = state.key.as_ref().filter(|_| state.signature == Signature::Invalid) else { return false };
        let verifies = |other: &SignatureState| {
            other.signature == Signature::Verified && other.key.as_ref().is_some_and(|known| **known == **key)
        };
        key.origin.trust() == Trust::Pinned && key.certificate.is_none() && !self.known.values().any(verifies)
    }

    /// Keeps a result.
    pub fn add(&mut self, token: Fingerprint, signature: Signature, reason: &str) {
        self.keep(SignatureState::new(token, signature, reason.to_owned()));
    }

    fn keep(&mut self, state: SignatureState) {
        if self.known.len() < self.limit {
            self.known.insert(state.token, state);
        }
    }

    /// Keeps that the issuers of keys the user gave publish them. Secrets are not published.
    pub(crate) fn add_publishers(&mut self, given: &VerificationKeys) {
        for key in given.keys().filter(|key| key.kind != KeyKind::Secret) {
            self.add_publisher(key.issuer.as_deref().unwrap_or_default());
        }
    }

    /// Verifies a token and those inside it, each once, with the keys the user gave, else with those the recording showed.
    ///
    /// Where the former leave it open, the latter count only if they settle it: that a recording shows the keys of
    /// somebody else says nothing about a token. `at` is the moment the validity of certificates is judged at.
    pub fn verify(
        &mut self,
        token: &Token,
        given: &VerificationKeys,
        recorded: &VerificationKeys,
        at: Option<Timestamp>,
    ) {
        self.recorded |= !recorded.is_empty();
        if given.is_empty() && recorded.is_empty() {
            return;
        }
        let mut layer = Some(token);
        while let Some(token) = layer {
            if token.is_redacted() {
                layer = token.actor.as_deref();
                continue;
            }
            // Of opaque and unsigned tokens everything is known without keys.
            let open = token.kind != TokenKind::Opaque && !token.is_unsigned() && !self.known.contains_key(&token.id);
            if open && let Some(state) = verified(token, given, recorded) {
                self.keep(judged(state, at));
            }
            layer = token.actor.as_deref();
        }
    }

    /// Takes down whether the recording shows keys.
    pub(crate) fn note_recorded(&mut self, recorded: &VerificationKeys) {
        self.recorded |= !recorded.is_empty();
    }

    /// Whether keys could tell more of a token's signature, or of one inside it.
    pub(crate) fn is_open(&self, token: &Token) -> bool {
        let layers = std::iter::successors(Some(token), |token| token.actor.as_deref());
        layers
            .into_iter()
            .any(|token| token.kind != TokenKind::Opaque && !token.is_unsigned() && !self.known.contains_key(&token.id))
    }

    /// The state of a token's signature and why.
    pub fn of(&self, token: &Token) -> SignatureState {
        if let Some(known) = self.known.get(&token.id) {
            return known.clone();
        }
        if token.is_redacted() {
            return SignatureState::new(token.id, Signature::Unverifiable, REMOVED.to_owned());
        }
        let mut state = without_keys(token);
        if self.recorded && state.reason == NO_KEY {
            state.reason = format!("{NO_KEY}, and none that was seen in the recording settles it");
        }
        state
    }

    /// The states of a token and of those inside it, the outermost first.
    pub fn of_layers(&self, token: &Token) -> Vec<SignatureState> {
        let mut states = Vec::new();
        let mut layer = Some(token);
        while let Some(token) = layer {
            states.push(self.of(token));
            layer = token.actor.as_deref();
        }
        states
    }
}

/// Where no key was given.
const NO_KEY: &str = "no key was given";

/// Where a mark of `inspector redact` stands in place of a signature.
const REMOVED: &str = "removed by redaction";

/// What can be told without keys.
fn without_keys(token: &Token) -> SignatureState {
    // What an unsigned token says for itself reads better than that there is nothing.
    if token.is_unsigned() && !matches!(token.kind, TokenKind::Opaque | TokenKind::Jwe) {
        let reason = format!("alg is \"{}\"", mask::text(&token.algorithm()));
        return SignatureState::new(token.id, Signature::Absent, reason);
    }
    let answer = VerificationKeys::default().verify(token);
    match &answer {
        verify::Signature::Unverifiable { reason } if reason.code == ReasonCode::NoKey => {
            let reason = reason.text.replacen("no key was given or seen", NO_KEY, 1);
            SignatureState::new(token.id, Signature::Unverifiable, mask::text(&reason))
        }
        _ => state(token, &answer),
    }
}

/// The answer of the keys; `None` if none was given and those of the recording do not settle it.
fn verified(token: &Token, given: &VerificationKeys, recorded: &VerificationKeys) -> Option<SignatureState> {
    let settles = |answer: &verify::Signature| {
        matches!(answer, verify::Signature::Verified { .. } | verify::Signature::Invalid { .. })
    };
    let by_given = (!given.is_empty()).then(|| given.verify(token));
    if let Some(answer) = by_given.as_ref().filter(|answer| settles(answer)) {
        return Some(state(token, answer));
    }
    let by_recorded = (!recorded.is_empty()).then(|| recorded.verify(token)).filter(settles);
    by_recorded.or(by_given).map(|answer| state(token, &answer))
}

fn state(token: &Token, answer: &verify::Signature) -> SignatureState {
    let (signature, reason, key) = match answer {
        verify::Signature::Verified { key, trust, remarks } => {
            let mut reason = describe(key);
            if *trust == Trust::IntegrityOnly {
                reason.push_str("; that shows the token is unchanged, not who made it");
            }
            for remark in remarks {
                reason.push_str("; ");
                reason.push_str(&mask::text(&remark.to_string()));
            }
            (Signature::Verified, reason, Some(key))
        }
        verify::Signature::Invalid { reason, key } => {
            let key_words = key.as_deref().map(|key| format!(" ({})", describe(key))).unwrap_or_default();
            (Signature::Invalid, format!("{}{key_words}", mask::text(&reason.text)), key.as_ref())
        }
        verify::Signature::Unverifiable { reason } if reason.code == ReasonCode::UnknownKey => {
            (Signature::Unverifiable, KEY_UNKNOWN.to_owned(), None)
        }
        verify::Signature::Unverifiable { reason }
            if matches!(reason.code, ReasonCode::NoKeyVerifies | ReasonCode::NoFittingKey) =>
        {
            (Signature::Unverifiable, format!("{KEYS_DO_NOT_FIT}: {}", mask::text(&reason.text)), None)
        }
        verify::Signature::Unverifiable { reason } => (Signature::Unverifiable, mask::text(&reason.text), None),
        verify::Signature::Absent => (Signature::Absent, "there is none".to_owned(), None),
    };
    SignatureState { key: key.map(Arc::clone), ..SignatureState::new(token.id, signature, reason) }
}

/// Says whether the certificate of the key is valid at the moment the token is judged at.
fn judged(mut state: SignatureState, at: Option<Timestamp>) -> SignatureState {
    let certificate = state.key.as_ref().and_then(|key| key.certificate.clone());
    let (Some(certificate), Some(at)) = (certificate, at) else { return state };
    state.certificate = Some(certificate.validity(at));
    let day = |moment: Timestamp| moment.to_string().chars().take(10).collect::<String>();
    match (certificate.validity(at), certificate.not_after) {
        (Validity::Expired, Some(end)) => {
            state.reason.push_str(&format!("; its certificate had expired ({})", day(end)));
        }
        (Validity::NotYetValid, _) => {
            state.reason.push_str(&format!("; its certificate was not valid yet ({})", day(certificate.not_before)));
        }
        _ => {}
    }
    state
}

/// `key CN=… (thumbprint …, valid … to …) from issuer.pem, given by file`.
fn describe(key: &KeyInfo) -> String {
    let mut text = format!("key {}", mask::text(&key.name()));
    if let Some(certificate) = &key.certificate {
        text.push_str(&format!(", certificate {}", certificate.thumbprint()));
    }
    match key.origin.trust() {
        Trust::Pinned => text.push_str(&format!(", given in {}", key.origin)),
        Trust::IntegrityOnly => text.push_str(", seen in the recording"),
    }
    text
}
