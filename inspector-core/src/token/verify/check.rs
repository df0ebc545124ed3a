//! One token against the set of keys.

use std::sync::Arc;

use serde_json::Value;

use super::{
    algorithm::{Family, SignatureAlgorithm},
    der,
    key::{Key, Names, Relation, Trust},
    keys::{Own, VerificationKeys},
    public_key::KeyKind,
    signature::{Reason, ReasonCode, Remark, Signature},
};
use crate::{
    http::base64,
    token::{Defect, Token, TokenKind, compact},
};

/// Shortest signature any RSA key makes that is taken for one, in bytes.
const RSA_SHORTEST_SIGNATURE: usize = 64;

impl VerificationKeys {
    /// Verifies the signature of `token`, not of the tokens inside it.
    pub fn verify(&self, token: &Token) -> Signature {
        let statement = match Statement::of(token) {
            Ok(statement) => statement,
            Err(signature) => return signature,
        };
        let signature = Search::new(self, token, &statement).run();
        match signature {
            // What was altered is the recording, not necessarily the token.
            Signature::Invalid { .. } if token.defects.contains(&Defect::Redacted) => redacted(),
            Signature::Invalid { reason, .. }
                if statement.empty_payload && reason.code == ReasonCode::SignatureMismatch =>
            {
                unverifiable(
                    ReasonCode::DetachedPayload,
                    "the payload is empty; it may have been sent apart from the token",
                )
            }
            other => other,
        }
    }
}

fn unverifiable(code: ReasonCode, text: impl Into<String>) -> Signature {
    Signature::Unverifiable { reason: Reason { code, text: text.into() } }
}

impl VerificationKeys {
    /// Whether the keys refute a signature, whatever the token calls its key: each is of another kind or does not verify
    /// it. For tokens that bring their key and have to fit it, such as proofs of possession.
    pub(crate) fn refute(&self, token: &Token) -> bool {
        let statement = match Statement::of(token) {
            Ok(statement) => statement,
            Err(answer) => return matches!(answer, Signature::Invalid { .. }),
        };
        let mut search = Search::new(self, token, &statement);
        search.trials = self.trials;
        let supported = self.keys.iter().all(|key| !matches!(key.info.kind, KeyKind::Unsupported(_)));
        let refuted =
            |search: &mut Search<'_>, key| matches!(search.attempt(key), Trial::Refuted(_) | Trial::DoesNotFit);
        supported
            && statement.algorithm.verifier.is_some()
            && !self.keys.is_empty()
            && !token.defects.contains(&Defect::Redacted)
            && self.keys.iter().all(|key| refuted(&mut search, key))
    }
}

fn redacted() -> Signature {
    unverifiable(ReasonCode::Redacted, "the recording replaced or cut part of the token")
}

fn impossible(code: ReasonCode, text: impl Into<String>) -> Signature {
    Signature::Invalid { reason: Reason { code, text: text.into() }, key: None }
}

/// What was signed, and how.
struct Statement<'t> {
    /// `header.payload` as sent (RFC 7515 §5.2, step 8).
    input: &'t str,
    /// The signature in strict base64url.
    signature: String,
    /// Its length in bytes.
    length: usize,
    algorithm: &'static SignatureAlgorithm,
    names: Names,
    lax: bool,
    empty_payload: bool,
}

impl<'t> Statement<'t> {
    /// Everything that can be told without a key; `Err` is the answer, if there is one already.
    fn of(token: &'t Token) -> Result<Self, Signature> {
        if token.kind == TokenKind::Jwe {
            return Err(unverifiable(
                ReasonCode::Encrypted,
                "the token is encrypted; only its receiver can read and verify it",
            ));
        }
        let defect = |defect: &Defect| token.defects.contains(defect);
        if defect(&Defect::TooLarge) {
            return Err(unverifiable(
                ReasonCode::TooLarge,
                "the token is too long, or nested too deep, to be kept whole",
            ));
        }
        if token.header.is_empty() {
            return Err(if defect(&Defect::Redacted) {
                redacted()
            } else {
                unverifiable(ReasonCode::Opaque, "the token is opaque; only its issuer can read and verify it")
            });
        }
        let name = token.header.get("alg").and_then(Value::as_str).unwrap_or_default();
        if name.eq_ignore_ascii_case("none") {
            return Err(Signature::Absent);
        }
        let raw = token.raw.reveal().trim();
        if compact::has_whitespace(raw) {
            return Err(unverifiable(
                ReasonCode::WhiteSpace,
                "there is white space inside the token, so its text is not the one that was signed; remove it and verify again",
            ));
        }
        let parts: Vec<&str> = raw.splitn(4, '.').collect();
        let (header, payload, signature) = match *parts {
            [_, _] => return Err(if defect(&Defect::Redacted) { redacted() } else { Signature::Absent }),
            [header, payload, signature] => (header, payload, signature),
            _ => {
                return Err(unverifiable(
                    ReasonCode::NotCompactJws,
                    "the token has not the three parts of a signed one",
                ));
            }
        };
        if signature.is_empty() {
            return Err(if defect(&Defect::Redacted) { redacted() } else { Signature::Absent });
        }
        by_design(token, name)?;
        let algorithm = algorithm(name)?;
        let Some(decoded) = base64::decode(signature) else {
            return Err(if defect(&Defect::Redacted) {
                redacted()
            } else {
                impossible(ReasonCode::SignatureNotBase64, "the signature is not base64url")
            });
        };
        let mut lax = decoded.padding || decoded.standard || decoded.trailing_bits;
        for part in [header, payload] {
            let Some(decoded) = base64::decode(part) else {
                return Err(unverifiable(ReasonCode::NotCompactJws, "a part of the token is not base64url"));
            };
            lax |= decoded.padding || decoded.standard || decoded.trailing_bits;
        }
        if let Err(answer) = length(algorithm, &decoded.bytes) {
            return Err(if defect(&Defect::Redacted) { redacted() } else { answer });
        }
        if algorithm.verifier.is_none() {
            let text = format!("signatures by {} cannot be verified by this program", algorithm.name);
            return Err(unverifiable(ReasonCode::Unsupported, text));
        }
        Ok(Self {
            input: raw.get(..header.len() + 1 + payload.len()).unwrap_or_default(),
            signature: super::encode(&decoded.bytes),
            length: decoded.bytes.len(),
            algorithm,
            names: Names::of(token),
            lax,
            empty_payload: payload.is_empty(),
        })
    }
}

/// Tokens nobody but their receiver can verify, and extensions that change what is signed.
fn by_design(token: &Token, algorithm: &str) -> Result<(), Signature> {
    if token.header.contains_key("nonce") {
        return Err(unverifiable(
            ReasonCode::HeaderNonce,
            "its header has a nonce: Microsoft signs such tokens (Graph, SharePoint) over another header, so that only the \
             resource can verify them",
        ));
    }
    if token.header.get("b64").is_some_and(|value| *value != Value::Bool(true)) {
        return Err(unverifiable(
            ReasonCode::UnencodedPayload,
            "its payload was signed without base64 (b64, RFC 7797)",
        ));
    }
    if token.header.contains_key("crit") {
        return Err(unverifiable(
            ReasonCode::Critical,
            "its header requires extensions (crit) this program does not know",
        ));
    }
    if token.header.contains_key("ctx") && algorithm.starts_with("HS") {
        return Err(unverifiable(
            ReasonCode::DerivedKey,
            "it is signed by a key derived from a session key (header ctx), which only the broker and Microsoft Entra ID have",
        ));
    }
    Ok(())
}

fn algorithm(name: &str) -> Result<&'static SignatureAlgorithm, Signature> {
    SignatureAlgorithm::named(name).ok_or_else(|| {
        let text = if name.is_empty() {
            "its header names no algorithm (alg)".to_owned()
        } else {
            format!("its algorithm is not known (alg: {})", name.chars().take(32).collect::<String>())
        };
        unverifiable(ReasonCode::UnknownAlgorithm, text)
    })
}

/// Refuses lengths no key can make.
fn length(algorithm: &SignatureAlgorithm, signature: &[u8]) -> Result<(), Signature> {
    let found = signature.len();
    let name = algorithm.name;
    let text = match algorithm.length {
        Some(expected) if expected == found => return Ok(()),
        Some(expected) if name.starts_with("ES") && der::only(signature, der::SEQUENCE).is_some() => {
            format!(
                "the signature is in DER ({found} bytes); {name} wants the two numbers side by side ({expected} bytes)"
            )
        }
        Some(expected) => format!("the signature has {found} bytes; those by {name} have {expected}"),
        None if algorithm.family == Family::Rsa && found < RSA_SHORTEST_SIGNATURE => {
            format!("the signature has {found} bytes; those by {name} have the length of the RSA key, 256 and more")
        }
        None => return Ok(()),
    };
    Err(impossible(ReasonCode::SignatureLength, text))
}

/// The search for the key of one statement.
struct Search<'s> {
    keys: &'s VerificationKeys,
    token: &'s Token,
    statement: &'s Statement<'s>,
    /// Trials left to the keys of one origin.
    trials: usize,
    /// Whether a key was left out for want of trials.
    limited: bool,
    /// Keys the token does not name that were tried in vain.
    tried: Vec<&'s Key>,
    /// What a key says that is named by the token, but perhaps not the one meant.
    doubtful: Option<Signature>,
}

/// How a key judges a signature.
enum Trial {
    Verified,
    /// With the length this key's signatures have, if that is what is wrong.
    Refuted(Option<usize>),
    /// The key is of another kind, or for another algorithm.
    DoesNotFit,
    /// The trials are used up.
    Limited,
}

impl<'s> Search<'s> {
    const fn new(keys: &'s VerificationKeys, token: &'s Token, statement: &'s Statement<'s>) -> Self {
        Self { keys, token, statement, trials: 0, limited: false, tried: Vec::new(), doubtful: None }
    }

    fn run(mut self) -> Signature {
        super::install_provider();
        if self.keys.keys.is_empty() {
            return self.without_key();
        }
        // The keys the user gave decide before those that were merely seen, and are not kept waiting by them.
        for trust in [Trust::Pinned, Trust::IntegrityOnly] {
            self.trials = self.keys.trials;
            let answer = self.named(trust).or_else(|| self.unnamed(trust)).or_else(|| self.refuted_by_issuer());
            if let Some(answer) = answer {
                return answer;
            }
        }
        self.undecided()
    }

    fn of(&self, trust: Trust) -> impl Iterator<Item = (&'s Key, Relation)> + use<'s> {
        let (keys, names) = (self.keys, &self.statement.names);
        let keys = keys.keys.iter().filter(move |key| key.info.origin.trust() == trust);
        keys.map(|key| (key, key.relation(names)))
    }

    /// Keys the token names. `None` leaves the answer to other keys.
    fn named(&mut self, trust: Trust) -> Option<Signature> {
        let mut refuted: Option<(u8, bool, Signature)> = None;
        for (key, relation) in self.of(trust) {
            let Relation::Named { by_certificate, contradicted } = relation else { continue };
            // A `kid` of two issuers' keys can be the same, and a recording's `kid` can be anybody's claim, unless it is
            // the issuer itself that published it.
            let is_meant = match trust {
                Trust::Pinned => key.info.is_of_issuer(self.token) != Some(false),
                Trust::IntegrityOnly => self.keys.is_own(&key.info, self.token).is_some(),
            };
            let certain = by_certificate || (is_meant && !contradicted);
            let (weight, answer) = match self.attempt(key) {
                Trial::Verified => return Some(self.verified(key, contradicted, false)),
                Trial::Refuted(length) => (1, self.mismatch(key, length)),
                Trial::DoesNotFit => self.does_not_fit(key),
                Trial::Limited => return None,
            };
            if refuted.as_ref().is_none_or(|(known, of, _)| (certain, weight) > (*of, *known)) {
                refuted = Some((weight, certain, answer));
            }
        }
        match refuted? {
            (_, true, answer) => Some(answer),
            (_, false, answer) => {
                self.doubtful.get_or_insert(answer);
                None
            }
        }
    }

    /// Keys the token does not name, and does not rule out. They can verify a signature, but not refute it.
    fn unnamed(&mut self, trust: Trust) -> Option<Signature> {
        for (key, relation) in self.of(trust) {
            if relation != Relation::Unrelated {
                continue;
            }
            match self.attempt(key) {
                Trial::Verified => return Some(self.verified(key, false, true)),
                Trial::Refuted(_) => self.tried.push(key),
                Trial::DoesNotFit | Trial::Limited => {}
            }
        }
        None
    }

    /// The answer if no key verifies it.
    fn undecided(self) -> Signature {
        if self.limited {
            let text = "the token does not tell which of many keys is its own, and not all were tried";
            return unverifiable(ReasonCode::TooManyKeys, text);
        }
        match &self.doubtful {
            Some(Signature::Invalid { key: Some(key), .. }) => {
                let text = format!(
                    "a key of the name it gives, {} ({}), does not verify it, but need not be the one it means",
                    key.name(),
                    key.origin
                );
                return unverifiable(ReasonCode::NoKeyVerifies, text);
            }
            Some(other) => return other.clone(),
            None => {}
        }
        self.not_found(self.tried.len())
    }

    /// A token that names no key is refuted by all keys the user gave for its issuer, or that its issuer published.
    fn refuted_by_issuer(&self) -> Option<Signature> {
        if self.limited || !self.statement.names.is_empty() {
            return None;
        }
        let of_its_issuer = |key: &&&Key| match key.info.origin.trust() {
            Trust::Pinned => key.info.is_of_issuer(self.token) == Some(true),
            Trust::IntegrityOnly => self.keys.is_own(&key.info, self.token) == Some(Own::Named),
        };
        let count = self.tried.iter().filter(of_its_issuer).count();
        let key = Arc::clone(&self.tried.iter().find(of_its_issuer)?.info);
        let text = format!("no key of its issuer verifies the signature ({count} tried)");
        Some(Signature::Invalid { reason: Reason { code: ReasonCode::SignatureMismatch, text }, key: Some(key) })
    }

    fn attempt(&mut self, key: &Key) -> Trial {
        let Some(verifier) = self.statement.algorithm.verifier.filter(|_| key.fits(self.statement.algorithm)) else {
            return Trial::DoesNotFit;
        };
        if let KeyKind::Rsa { bits } = key.key.kind {
            let expected = bits.div_ceil(8);
            if expected != self.statement.length {
                return Trial::Refuted(Some(expected));
            }
        }
        let Some(left) = self.trials.checked_sub(1) else {
            self.limited = true;
            return Trial::Limited;
        };
        self.trials = left;
        let Statement { signature, input, .. } = self.statement;
        let verifies = key.key.verifies(verifier, signature, input.as_bytes());
        if verifies { Trial::Verified } else { Trial::Refuted(None) }
    }

    fn verified(&self, key: &Key, contradicted: bool, by_trial: bool) -> Signature {
        let Statement { names, lax, algorithm, .. } = self.statement;
        let weak = match key.key.kind {
            KeyKind::Rsa { bits } => bits < 2048,
            KeyKind::Secret => key.key.secret_length < algorithm.hash,
            _ => false,
        };
        let mut remarks: Vec<Remark> =
            names.deviations.iter().map(|&(parameter, form)| Remark::ThumbprintForm { parameter, form }).collect();
        let facts = [
            (by_trial, Remark::FoundByTrial),
            (contradicted, Remark::NamesAnotherKey),
            (*lax, Remark::LaxBase64),
            (key.info.is_of_issuer(self.token) == Some(false), Remark::OtherIssuer),
            (weak, Remark::WeakKey),
        ];
        remarks.extend(facts.into_iter().filter(|(is, _)| *is).map(|(_, remark)| remark));
        Signature::Verified { key: Arc::clone(&key.info), trust: key.info.origin.trust(), remarks }
    }

    fn mismatch(&self, key: &Key, expected: Option<usize>) -> Signature {
        let info = &key.info;
        let (code, text) = match expected {
            Some(expected) => (
                ReasonCode::SignatureLength,
                format!(
                    "the signature has {} bytes; those by the key it names, {} ({}), have {expected}",
                    self.statement.length,
                    info.name(),
                    info.origin
                ),
            ),
            None => (
                ReasonCode::SignatureMismatch,
                format!("the key it names, {} ({}), does not verify the signature", info.name(), info.origin),
            ),
        };
        Signature::Invalid { reason: Reason { code, text }, key: Some(Arc::clone(info)) }
    }

    /// The token names a key its algorithm cannot be used with. The number is larger the more the answer weighs against
    /// those of other keys it names.
    fn does_not_fit(&self, key: &Key) -> (u8, Signature) {
        let (info, algorithm) = (&key.info, self.statement.algorithm.name);
        if let KeyKind::Unsupported(kind) = info.kind {
            let text = format!("the key it names, {}, is {kind}, which this program cannot verify with", info.name());
            return (2, unverifiable(ReasonCode::Unsupported, text));
        }
        let text =
            format!("the key it names, {} ({}, {}), is not for {algorithm}", info.name(), info.kind, info.origin);
        let reason = Reason { code: ReasonCode::AlgorithmKeyMismatch, text };
        (0, Signature::Invalid { reason, key: Some(Arc::clone(info)) })
    }

    fn without_key(&self) -> Signature {
        if self.statement.algorithm.family == Family::Hmac {
            return self.without_secret();
        }
        unverifiable(ReasonCode::NoKey, format!("no key was given or seen{}", self.embedded()))
    }

    fn without_secret(&self) -> Signature {
        let text = format!(
            "{} needs the secret of the issuer and the receiver, and none was given",
            self.statement.algorithm.name
        );
        unverifiable(ReasonCode::NoSecret, text)
    }

    fn not_found(&self, tried: usize) -> Signature {
        let Statement { names, algorithm, .. } = self.statement;
        let fitting = self.keys.keys.iter().any(|key| key.fits(algorithm));
        if algorithm.family == Family::Hmac && !fitting {
            return self.without_secret();
        }
        if !names.is_empty() && tried == 0 {
            let text = format!("the key it names ({}) is not among the known{}", names.describe(), self.embedded());
            return unverifiable(ReasonCode::UnknownKey, text);
        }
        if !fitting {
            let text = format!("none of the known keys is for {}{}", algorithm.name, self.embedded());
            return unverifiable(ReasonCode::NoFittingKey, text);
        }
        let text = format!(
            "none of the known keys for {} verifies it ({tried} tried): it was altered, or its key is not among them{}",
            algorithm.name,
            self.embedded()
        );
        unverifiable(ReasonCode::NoKeyVerifies, text)
    }

    /// Says why the key a token brings along does not help.
    fn embedded(&self) -> String {
        let carried: Vec<&str> =
            ["jwk", "x5c", "jku", "x5u"].into_iter().filter(|name| self.token.header.contains_key(name)).collect();
        if carried.is_empty() {
            return String::new();
        }
        format!("; what it brings along itself ({}) proves nothing", carried.join(", "))
    }
}
