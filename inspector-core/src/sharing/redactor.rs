//! Replaces secrets by marks of the same length.
//!
//! What is a secret is asked of two sides: [`crate::redact`], which goes by names, places and looks, and
//! [`crate::token::extract`], which parses what a server would. What either knows is replaced wherever it stands.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use aho_corasick::{AhoCorasick, MatchKind};

use super::{
    Pseudonyms, base,
    stand_ins::{StandIns, Told},
};
use crate::{
    encoding::percent,
    exchange::{
        Exchange,
        message::{Head, Message, Start},
    },
    http::auth::CredentialsKind,
    limits::Limits,
    redact::{self, Level, compact, mark},
    secret::Fingerprint,
    token::{
        Token,
        extract::{self, Extraction},
        interner::Interner,
    },
};

/// Encodings inside encodings that are looked into.
const DEPTH: usize = 4;
/// Bytes of a secret by which it is found again.
const NEEDLE: usize = 24;
/// Secrets at most that are found again wherever they stand; more are replaced where they are told, and that is all.
const MOST: usize = 200_000;
/// Shortest run of base64 that is looked into for known secrets.
const SHORTEST_RUN: usize = 16;
/// Bytes of a signature below which no algorithm has one.
const NO_SIGNATURE: usize = 16;

/// What was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Signatures of tokens, and the encrypted parts of those that are encrypted.
    Signature,
    /// Passwords beside a user's name.
    Password,
    /// Values of cookies.
    Cookie,
    /// What a field of credentials holds besides: opaque tokens, keys, tickets.
    Credentials,
    /// Anything else that a name, a place or its looks tell.
    Opaque,
}

impl Kind {
    /// The word of the receipt.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signature => "signatures",
            Self::Password => "passwords",
            Self::Cookie => "cookies",
            Self::Credentials => "credentials",
            Self::Opaque => "opaque",
        }
    }
}

/// Knows the secrets of the recordings of a run, and replaces them.
#[derive(Default)]
pub struct Redactor {
    /// Secrets by the first bytes of their SHA-256, and their numbers in the order in which they came.
    numbers: HashMap<Fingerprint, u64, foldhash::fast::RandomState>,
    /// Secrets worth to be found again: long and varied enough.
    known: Vec<Box<[u8]>>,
    finder: Option<AhoCorasick>,
    counts: BTreeMap<Kind, u64>,
    overflowed: bool,
    pseudonyms: Option<Pseudonyms>,
    /// Stand-ins are put in the places of secrets, not marks.
    stand_ins: Option<StandIns>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor")
            .field("secrets", &self.numbers.len())
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

impl Redactor {
    /// Replaces names, too.
    #[must_use]
    pub fn pseudonymising(self, pseudonyms: Pseudonyms) -> Self {
        Self { pseudonyms: Some(pseudonyms), ..self }
    }

    /// What becomes of names, if they are replaced.
    pub const fn pseudonyms(&self) -> Option<&Pseudonyms> {
        self.pseudonyms.as_ref()
    }

    /// The same, to replace what stands in no text.
    pub const fn pseudonyms_mut(&mut self) -> Option<&mut Pseudonyms> {
        self.pseudonyms.as_mut()
    }

    /// One that puts stand-ins in the places of secrets: texts that nothing tells from a secret, so that what is written is
    /// judged as what was read. `salt` goes into those of secrets that could be found by trying.
    pub(crate) fn with_stand_ins(salt: [u8; 32]) -> Self {
        Self { stand_ins: Some(StandIns::new(salt)), ..Self::default() }
    }

    /// The stand-ins that are new since it was asked.
    pub(crate) fn take_stand_ins(&mut self) -> Vec<Told> {
        self.stand_ins.as_mut().map(StandIns::take).unwrap_or_default()
    }

    /// Takes down the secrets that parsing found, which the output must not hold.
    pub(crate) fn forbid(&mut self, found: &Extraction) {
        self.learn_extraction(found);
    }

    /// What stands in place of a password that is told by nothing but parsing.
    pub(crate) fn stand_in(&mut self, secret: &str) -> String {
        let number = self.register(secret.as_bytes());
        self.weak_mark(secret.as_bytes(), number, true)
    }

    /// What stands in place of a secret without structure.
    fn mark(&mut self, secret: &[u8], number: u64, kind: Kind) -> String {
        let text = std::str::from_utf8(secret).unwrap_or_default();
        match &mut self.stand_ins {
            Some(stand_ins) => stand_ins.of(secret, is_random(text), kind == Kind::Password),
            // What is long and without words cannot be found by trying.
            None if is_random(text) => mark::of_token(secret, secret.len()),
            None => mark::of_number(number, secret.len()),
        }
    }

    /// Learns the secrets of an exchange.
    pub fn learn(&mut self, exchange: &Exchange, limits: &Limits) {
        if let Some(pseudonyms) = &mut self.pseudonyms {
            pseudonyms.learn(exchange, limits);
        }
        let _ = self.exchange(exchange);
        let mut interner = Interner::new(limits);
        self.learn_extraction(&extract::extract(exchange, &mut interner, limits));
    }

    /// How many passwords and tokens of an exchange a server would take: what parsing finds and no mark stands for. Of one that
    /// was redacted there is none.
    pub fn remains(exchange: &Exchange, limits: &Limits) -> u64 {
        let mut interner = Interner::new(limits);
        let found = extract::extract(exchange, &mut interner, limits);
        let is_open = |secret: &str| {
            let secret = secret.trim();
            !secret.is_empty()
                && !mark::is_mark(secret)
                && !redact::placeholder::is_redacted(secret)
                && !redact::placeholder::is_placeholder(secret)
        };
        let passwords = found.passwords.iter().filter(|password| is_open(password.password.reveal()));
        let credentials = found.credentials.iter().filter(|credentials| match &credentials.kind {
            CredentialsKind::Basic(basic) if basic.malformed => {
                let values = exchange.request.iter().flat_map(|request| request.head.values(&credentials.field));
                let texts = values.filter_map(|value| std::str::from_utf8(value).ok()?.trim().split_once(' '));
                is_open(basic.password.reveal()) && !texts.into_iter().any(|(_, rest)| mark::is_mark(rest.trim()))
            }
            CredentialsKind::Basic(basic) => is_open(basic.password.reveal()),
            _ => false,
        });
        let tokens = found.sightings.iter().filter(|sighting| has_secret(&sighting.token));
        (passwords.count() + credentials.count() + tokens.count()) as u64
    }

    fn learn_extraction(&mut self, found: &Extraction) {
        for sighting in &found.sightings {
            self.learn_token(&sighting.token);
        }
        for password in &found.passwords {
            self.register(password.password.reveal().as_bytes());
        }
        for credentials in &found.credentials {
            if let CredentialsKind::Basic(basic) = &credentials.kind {
                self.register(basic.password.reveal().as_bytes());
            }
        }
    }

    fn learn_token(&mut self, token: &Token) {
        let raw = token.raw.reveal().trim();
        if raw.matches('.').count() >= 2 && compact::begins(raw.as_bytes()) {
            if let Some(signature) = raw.rsplit('.').next().filter(|it| is_secret_signature(it)) {
                self.register(signature.as_bytes());
            }
        } else if !redact::placeholder::is_placeholder(raw) {
            self.register(raw.as_bytes());
        }
        if let Some(actor) = &token.actor {
            self.learn_token(actor);
        }
    }

    /// Ends the learning: what is known by now is found wherever it stands.
    ///
    /// # Errors
    /// There are more secrets than can be searched for.
    pub fn settle(&mut self) -> Result<(), aho_corasick::BuildError> {
        let patterns = self.known.iter().map(|secret| secret.get(..NEEDLE).unwrap_or(secret));
        let built = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .build(patterns)?;
        self.finder = Some(built);
        self.counts.clear();
        if let Some(pseudonyms) = &mut self.pseudonyms {
            pseudonyms.settle()?;
        }
        Ok(())
    }

    /// Secrets that were learnt and are worth to be searched for.
    pub fn known(&self) -> &[Box<[u8]>] {
        &self.known
    }

    /// Whether there were more than are remembered.
    pub fn overflowed(&self) -> bool {
        self.overflowed || self.pseudonyms.as_ref().is_some_and(Pseudonyms::overflowed)
    }

    /// How many were replaced since [`Redactor::settle`].
    pub const fn counts(&self) -> &BTreeMap<Kind, u64> {
        &self.counts
    }

    /// Takes a secret down; its number.
    fn register(&mut self, secret: &[u8]) -> u64 {
        let next = self.numbers.len() as u64 + 1;
        let key = Fingerprint::of(secret);
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        self.numbers.insert(key, next);
        if self.finder.is_none() && is_strong(secret) {
            if self.known.len() < MOST {
                self.known.push(secret.into());
            } else {
                self.overflowed = true;
            }
        }
        next
    }

    fn count(&mut self, kind: Kind) {
        *self.counts.entry(kind).or_default() += 1;
    }

    /// The same exchange without its secrets. Every length stays.
    #[must_use]
    pub fn exchange(&mut self, exchange: &Exchange) -> Exchange {
        let mut new = Exchange {
            request: exchange.request.as_ref().map(|message| self.message(message)),
            response: exchange.response.as_ref().map(|message| self.message(message)),
            ..exchange.clone()
        };
        if let Some(pseudonyms) = &mut self.pseudonyms {
            pseudonyms.exchange(&mut new);
        }
        new
    }

    fn message(&mut self, message: &Message) -> Message {
        let mut new = message.clone();
        new.head = self.head(&message.head);
        new.trailers = message.trailers.as_ref().map(|trailers| Box::new(self.head(trailers)));
        if let Some(kept) = &message.body.kept {
            let text = crate::http::content::is_text(kept);
            new.body.kept = Some(self.content(kept, text).into());
        }
        new
    }

    fn head(&mut self, head: &Head) -> Head {
        let mut bytes = head.bytes().to_vec();
        let mut put = |range: &Range<u32>, value: Vec<u8>| {
            if let Some(place) = bytes.get_mut(range.start as usize..range.end as usize) {
                place.copy_from_slice(&value);
            }
        };
        match head.start() {
            Start::Request { target, authority, .. } => {
                put(target, self.bytes(head.slice(target), &mut |it, text| it.url(text)));
                if let Some(authority) = authority {
                    put(authority, self.bytes(head.slice(authority), &mut |it, text| it.url(text)));
                }
            }
            Start::Response { reason, .. } => {
                put(reason, self.bytes(head.slice(reason), &mut |it, text| it.text(text, Level::Prose)));
            }
            Start::Trailers => {}
        }
        for field in head.fields() {
            let name = String::from_utf8_lossy(head.slice(&field.name)).into_owned();
            put(&field.value, self.bytes(head.slice(&field.value), &mut |it, text| it.field(&name, text)));
            put(&field.name, self.bytes(head.slice(&field.name), &mut |it, text| it.text(text, Level::Known)));
        }
        Head::new(bytes, head.start().clone(), head.fields().to_vec())
    }

    /// A content. Of one that is no text only known secrets are replaced.
    pub fn content(&mut self, bytes: &[u8], is_text: bool) -> Vec<u8> {
        if is_text {
            self.bytes(bytes, &mut |it, text| it.text(text, Level::Prose))
        } else {
            self.bytes(bytes, &mut |it, text| it.known_only(text, DEPTH))
        }
    }

    /// Rewrites bytes that may be no text: each byte of those stands for itself.
    pub(crate) fn bytes<'t>(
        &mut self,
        bytes: &'t [u8],
        rewrite: &mut dyn for<'s> FnMut(&mut Self, &'s str) -> Cow<'s, str>,
    ) -> Vec<u8> {
        let new = self.secrets(bytes, rewrite);
        match &mut self.pseudonyms {
            Some(pseudonyms) => pseudonyms.bytes(new),
            None => new,
        }
    }

    fn secrets<'t>(
        &mut self,
        bytes: &'t [u8],
        rewrite: &mut dyn for<'s> FnMut(&mut Self, &'s str) -> Cow<'s, str>,
    ) -> Vec<u8> {
        let text: Cow<'t, str> = match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect(),
        };
        let new = match rewrite(self, &text) {
            Cow::Borrowed(_) => return bytes.to_vec(),
            Cow::Owned(new) if new.len() == bytes.len() => new,
            // Lengths never change; should one, nothing of it is shown.
            Cow::Owned(_) => {
                let number = self.register(bytes);
                self.weak_mark(bytes, number, false)
            }
        };
        let pairs = text.bytes().zip(new.bytes()).zip(bytes);
        pairs.map(|((old, new), byte)| if old == new { *byte } else { new }).collect()
    }

    /// A text, as far as a level goes.
    pub fn text<'t>(&mut self, text: &'t str, level: Level) -> Cow<'t, str> {
        self.text_at(text, level, DEPTH)
    }

    fn text_at<'t>(&mut self, text: &'t str, level: Level, depth: usize) -> Cow<'t, str> {
        let masked = redact::text(text, level);
        self.places(text, &masked, Kind::Opaque, depth)
    }

    /// A URL or request target.
    pub fn url<'t>(&mut self, url: &'t str) -> Cow<'t, str> {
        let masked = redact::url(url);
        self.places(url, &masked, Kind::Opaque, DEPTH)
    }

    /// The value of a field.
    pub fn field<'t>(&mut self, name: &str, value: &'t str) -> Cow<'t, str> {
        let masked = redact::field_value(name, value);
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let kind = match () {
            () if is("cookie") || is("set-cookie") || is("cookie2") || is("set-cookie2") => Kind::Cookie,
            () if redact::is_secret_name(name) => Kind::Credentials,
            () => Kind::Opaque,
        };
        self.places(value, &masked, kind, DEPTH)
    }

    /// A value whose name tells that it is a secret, such as a cookie's.
    pub fn value<'t>(&mut self, value: &'t str, kind: Kind) -> Cow<'t, str> {
        if value.trim().is_empty() { Cow::Borrowed(value) } else { Cow::Owned(self.secret(value, kind, DEPTH)) }
    }

    /// Replaces what a mask stands for, and every known secret.
    fn places<'t>(&mut self, text: &'t str, masked: &str, kind: Kind, depth: usize) -> Cow<'t, str> {
        let ranges = match masked_ranges(text, masked) {
            Some(ranges) => ranges,
            // What cannot be told apart is a secret as a whole.
            None => std::iter::once(0..text.len()).collect(),
        };
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for range in ranges {
            if range.start < done || is_public(text, range.start) {
                continue;
            }
            out.push_str(&self.known_only(text.get(done..range.start).unwrap_or_default(), depth));
            let secret = text.get(range.clone()).unwrap_or_default();
            out.push_str(&self.secret(secret, kind, depth));
            done = range.end;
        }
        if done == 0 {
            return self.known_only(text, depth);
        }
        out.push_str(&self.known_only(text.get(done..).unwrap_or_default(), depth));
        if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
    }

    /// Replaces known secrets in a text of which nothing else is a secret, also inside base64 and percent-encoding.
    fn known_only<'t>(&mut self, text: &'t str, depth: usize) -> Cow<'t, str> {
        let Some(finder) = self.finder.clone() else { return Cow::Borrowed(text) };
        let mut out = String::new();
        let mut done = 0;
        let mut hits: Vec<Range<usize>> = Vec::new();
        for hit in finder.find_iter(text) {
            let secret = self.known.get(hit.pattern().as_usize());
            let whole = secret.map_or(hit.len(), |secret| {
                let there = text.as_bytes().get(hit.start()..hit.start() + secret.len());
                if there.is_some_and(|there| there.eq_ignore_ascii_case(secret)) { secret.len() } else { hit.len() }
            });
            hits.push(hit.start()..hit.start() + whole);
        }
        if depth > 0 {
            for run in runs(text) {
                let word = text.get(run.clone()).unwrap_or_default();
                if self.hides(word, &finder, depth) {
                    hits.push(run);
                }
            }
            hits.sort_unstable_by_key(|range| (range.start, range.end));
        }
        for hit in hits {
            if hit.start < done || !text.is_char_boundary(hit.start) || !text.is_char_boundary(hit.end) {
                continue;
            }
            out.push_str(text.get(done..hit.start).unwrap_or_default());
            let secret = text.get(hit.clone()).unwrap_or_default();
            let new = self.secret(secret, Kind::Opaque, depth);
            out.push_str(&new);
            done = hit.end;
        }
        if done == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Cow::Owned(out)
    }

    /// Whether a run of letters is an encoding of something with a known secret in it.
    fn hides(&self, word: &str, finder: &AhoCorasick, depth: usize) -> bool {
        if word.contains('%') {
            let decoded = percent::decode(word.as_bytes());
            return *decoded != *word && finder.is_match(decoded.as_ref());
        }
        let Some((bytes, _)) = (word.len() >= SHORTEST_RUN).then(|| base::decode(word)).flatten() else { return false };
        if finder.is_match(&bytes) {
            return true;
        }
        depth > 1
            && std::str::from_utf8(&bytes).is_ok_and(|text| {
                runs(text).any(|run| self.hides(text.get(run).unwrap_or_default(), finder, depth - 1))
            })
    }

    /// What stands in place of a secret: of the same length, and of the same structure where that is no secret itself.
    fn secret(&mut self, secret: &str, kind: Kind, depth: usize) -> String {
        let trimmed = secret.trim();
        if trimmed.is_empty() || mark::is_mark(trimmed) {
            return secret.to_owned();
        }
        if trimmed.len() < secret.len() {
            let start = secret.len() - secret.trim_start().len();
            let (before, rest) = secret.split_at(start);
            let (inside, after) = rest.split_at(trimmed.len());
            return format!("{before}{}{after}", self.secret(inside, kind, depth));
        }
        if depth > 0
            && let Some(new) = self.structured(secret, kind, depth - 1)
        {
            return new;
        }
        self.count(kind);
        let number = self.register(secret.as_bytes());
        self.mark(secret.as_bytes(), number, kind)
    }

    /// What stands in place of a secret that may be found by trying.
    fn weak_mark(&mut self, secret: &[u8], number: u64, is_password: bool) -> String {
        match &mut self.stand_ins {
            Some(stand_ins) => stand_ins.of(secret, false, is_password),
            None => mark::of_number(number, secret.len()),
        }
    }

    /// A token, an encoding, or credentials of a known form: what of it is no secret stays. `None` of anything else.
    fn structured(&mut self, secret: &str, kind: Kind, depth: usize) -> Option<String> {
        if secret.contains('.') && compact::begins(secret.as_bytes()) && !secret.contains(['"', ' ', ',']) {
            return self.token(secret, depth);
        }
        if secret.contains("=\"") {
            return Some(self.parameters(secret, kind, depth));
        }
        if let Some((scheme, rest)) = secret.split_once(' ')
            && scheme.len() <= 24
            && ["bearer", "basic", "negotiate", "ntlm", "dpop", "pop"].iter().any(|it| scheme.eq_ignore_ascii_case(it))
        {
            return Some(format!("{scheme} {}", self.secret(rest, kind, depth)));
        }
        if secret.contains('%') {
            return self.percent(secret, kind, depth);
        }
        let (bytes, encode) = base::decode(secret)?;
        if let Some(at) = memchr::memmem::find(&bytes, b"NTLMSSP\0") {
            let mut bytes = bytes;
            for response in blank_ntlm(bytes.get_mut(at..)?) {
                self.count(Kind::Credentials);
                self.register(&response);
            }
            return Some(encode.encode(&bytes));
        }
        let text = std::str::from_utf8(&bytes).ok()?;
        // A SAML message lets its bearer in as a whole, whatever of it is a secret by itself.
        let is_markup = text.trim_start().starts_with('<');
        let is_text =
            !is_markup && !text.is_empty() && text.chars().all(|c| !c.is_control() || c.is_whitespace() || c == '\0');
        if !is_text {
            return None;
        }
        if let Some((user, password)) = text.split_once(':')
            && !text.contains(char::is_whitespace)
            && !text.contains(['{', '<', '"'])
        {
            // `user:password`: the user's name stays.
            if password.is_empty() {
                return Some(secret.to_owned());
            }
            let new = match () {
                () if mark::is_mark(password) => password.to_owned(),
                // A token may stand for a password.
                () if self.stand_ins.is_some() => self.secret(password, Kind::Password, 0),
                () => self.plain(password, Kind::Password),
            };
            return Some(encode.encode(format!("{user}:{new}").as_bytes()));
        }
        let new = self.text_at(text, Level::Prose, depth);
        match new {
            Cow::Owned(new) if new.len() == text.len() => Some(encode.encode(new.as_bytes())),
            // Credentials of text without a user's name: what is decoded is the secret.
            _ if kind == Kind::Credentials && mark::is_mark(text) => Some(secret.to_owned()),
            _ if kind == Kind::Credentials => Some(encode.encode(self.plain(text, kind).as_bytes())),
            _ => None,
        }
    }

    /// `name="value", …`: the values, but for those that say who and how.
    fn parameters(&mut self, text: &str, kind: Kind, depth: usize) -> String {
        const HARMLESS: [&str; 12] =
            ["type", "realm", "algorithm", "qop", "username", "uri", "nc", "version", "domain", "created", "ts", "id"];
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(open) = rest.find("=\"") {
            let (before, value) = rest.split_at_checked(open + 2).unwrap_or((rest, ""));
            let name = before.trim_end_matches("=\"").rsplit([' ', ',', ';']).next().unwrap_or_default();
            let end = value.find('"').unwrap_or(value.len());
            let (value, after) = value.split_at_checked(end).unwrap_or((value, ""));
            out.push_str(&self.known_only(before, depth));
            if value.is_empty() || HARMLESS.iter().any(|known| name.eq_ignore_ascii_case(known)) {
                out.push_str(&self.known_only(value, depth));
            } else {
                out.push_str(&self.secret(value, kind, depth));
            }
            rest = after;
        }
        // What stands outside of quotation marks may be anything.
        match rest.trim_matches(['"', ',', ' ']) {
            "" => out.push_str(rest),
            left => {
                let at = rest.find(left).unwrap_or_default();
                out.push_str(rest.get(..at).unwrap_or_default());
                out.push_str(&self.text_at(left, Level::Field, depth));
                out.push_str(rest.get(at + left.len()..).unwrap_or_default());
            }
        }
        if out.len() == text.len() { out } else { self.plain(text, kind) }
    }

    /// A secret without structure.
    fn plain(&mut self, secret: &str, kind: Kind) -> String {
        self.count(kind);
        let number = self.register(secret.as_bytes());
        self.weak_mark(secret.as_bytes(), number, kind == Kind::Password)
    }

    /// A percent-encoded secret: what was encoded is so in its mark.
    fn percent(&mut self, secret: &str, kind: Kind, depth: usize) -> Option<String> {
        let mut units: Vec<(u8, bool)> = Vec::new();
        let mut rest = secret.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            let coded = (*first == b'%').then(|| after.get(..2)).flatten();
            let byte = coded.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
            units.push((byte.unwrap_or(*first), byte.is_some()));
            rest = after.get(if byte.is_some() { 2 } else { 0 }..).unwrap_or_default();
        }
        let decoded = String::from_utf8(units.iter().map(|(byte, _)| *byte).collect()).ok()?;
        if decoded == secret {
            return None;
        }
        if mark::is_mark(&decoded) {
            return Some(secret.to_owned());
        }
        // A word of several: only what is a secret in it.
        let masked = redact::text(&decoded, Level::Prose);
        let new = if masked == decoded {
            self.secret(&decoded, kind, depth)
        } else {
            self.places(&decoded, &masked, kind, depth).into_owned()
        };
        let new = if new == decoded { self.plain(&decoded, kind) } else { new };
        if new.len() != units.len() {
            return None;
        }
        let mut out = String::with_capacity(secret.len());
        let mut at = 0;
        for ((old, coded), new) in units.iter().zip(new.bytes()) {
            let length = if *coded { 3 } else { 1 };
            if *old == new {
                out.push_str(secret.get(at..at + length)?);
            } else if *coded {
                out.push_str(&format!("%{new:02X}"));
            } else {
                out.push(char::from(new));
            }
            at += length;
        }
        Some(out)
    }

    /// A compact token: header and claims stay, with what is a secret in them replaced, and so do lengths.
    fn token(&mut self, token: &str, depth: usize) -> Option<String> {
        let parts: Vec<&str> = token.split('.').collect();
        match parts.as_slice() {
            [header, payload, rest @ ..] if rest.len() <= 1 => {
                let payload = self.payload(payload, depth);
                let mut new = format!("{header}.{payload}");
                if let Some(signature) = rest.first() {
                    new.push('.');
                    new.push_str(&self.signature(signature));
                }
                Some(new)
            }
            // Encrypted: all but the header.
            [header, sealed @ ..] => {
                let sealed: Vec<String> = sealed.iter().map(|part| self.signature(part)).collect();
                Some(format!("{header}.{}", sealed.join(".")))
            }
            _ => None,
        }
    }

    fn payload(&mut self, payload: &str, depth: usize) -> String {
        let decoded = base::decode(payload).and_then(|(bytes, encode)| Some((String::from_utf8(bytes).ok()?, encode)));
        let Some((json, encode)) = decoded else {
            // Claims that cannot be read may be anything.
            return if payload.is_empty() { String::new() } else { self.signature(payload) };
        };
        match self.text_at(&json, Level::Facts, depth) {
            Cow::Owned(new) if new.len() == json.len() => encode.encode(new.as_bytes()),
            _ => payload.to_owned(),
        }
    }

    fn signature(&mut self, signature: &str) -> String {
        if !is_secret_signature(signature) {
            return signature.to_owned();
        }
        self.count(Kind::Signature);
        self.register(signature.as_bytes());
        match &mut self.stand_ins {
            Some(stand_ins) => stand_ins.of(signature.as_bytes(), true, false),
            None => mark::of_signature(signature),
        }
    }
}

/// Whether a token, or one inside it, could be used by who has it.
fn has_secret(token: &Token) -> bool {
    let raw = token.raw.reveal().trim();
    let is_compact = raw.matches('.').count() >= 2 && compact::begins(raw.as_bytes());
    let own = if is_compact {
        raw.rsplit('.').next().is_some_and(is_secret_signature)
    } else {
        !raw.is_empty()
            && !mark::is_mark(raw)
            && !redact::placeholder::is_placeholder(raw)
            && !redact::placeholder::is_redacted(raw)
            && !redact::placeholder::is_partly_redacted(raw)
    };
    // Two parts, and nothing signed.
    let is_unsigned = raw.matches('.').count() == 1 && compact::begins(raw.as_bytes());
    (own && !is_unsigned) || token.actor.as_deref().is_some_and(has_secret)
}

/// Whether a signature is one that somebody could use: not missing, not marked, not a stub that no algorithm makes.
fn is_secret_signature(signature: &str) -> bool {
    let letters = signature.trim_end_matches('=');
    let first = letters.bytes().next();
    let is_stub = letters.len() < NO_SIGNATURE * 4 / 3 || letters.bytes().all(|byte| Some(byte) == first);
    !is_stub && !mark::is_marked_signature(signature)
}

/// Whether a secret cannot be found by trying, so that its fingerprint tells nothing: long, and no words.
fn is_random(secret: &str) -> bool {
    let has = |class: fn(&u8) -> bool| secret.bytes().any(|byte| class(&byte));
    secret.len() >= mark::LONG
        && !secret.contains(char::is_whitespace)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
}

/// Whether a secret is long and varied enough to be searched for in everything.
pub(super) fn is_strong(secret: &[u8]) -> bool {
    let has = |class: fn(&u8) -> bool| usize::from(secret.iter().any(class));
    let classes = has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_digit)
        + has(|byte| !byte.is_ascii_alphanumeric());
    let text = std::str::from_utf8(secret).unwrap_or_default();
    let is_name = text.contains('@')
        || text.contains("://")
        || redact::opaque::is_uuid(text)
        || text.starts_with("eyJ")
        || mark::is_mark(text);
    let enough = secret.len() >= 6 && classes >= 2 || secret.len() >= 16;
    enough
        && !is_name
        && !(secret.len() < 12 && text.bytes().all(|byte| byte.is_ascii_digit() || b".:-/".contains(&byte)))
}

/// Whether what begins here is a public key or certificate.
fn is_public(text: &str, start: usize) -> bool {
    let before = text.get(text.floor_char_boundary(start.saturating_sub(40))..start).unwrap_or_default();
    let compact: String = before.chars().filter(|c| !c.is_whitespace() && *c != '\\').collect();
    [
        "\"n\":\"",
        "\"x\":\"",
        "\"y\":\"",
        "\"x5c\":[\"",
        "\"x5t\":\"",
        "\"x5t#S256\":\"",
        "\"kid\":\"",
        "\"value\":\"MII",
        "X509Certificate>",
    ]
    .iter()
    .any(|opening| compact.ends_with(opening))
        || text.get(start..start + 4) == Some("MIID") && compact.ends_with("\"value\":\"")
}

/// Runs of letters of base64, URLs and percent-encoding.
fn runs(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+/=%".contains(&byte);
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + bytes.get(at..)?.iter().position(|byte| is_letter(*byte))?;
            let rest = bytes.get(start..)?;
            at = start + rest.iter().position(|byte| !is_letter(*byte)).unwrap_or(rest.len());
            if at - start >= SHORTEST_RUN {
                return Some(start..at);
            }
        }
    })
}

/// The places of a text that are masked in its masked form; `None` if the two do not fit together.
///
/// ```text
/// Bearer eyJ0eXAi…         session=9xQ2mZ…; path=/
/// Bearer eyJ0…(812 chars…  session=***(40 bytes, …); path=/
/// ```
fn masked_ranges(text: &str, masked: &str) -> Option<Vec<Range<usize>>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let (mut at, mut rest) = (0, masked);
    while let Some(next) = rest.chars().next() {
        let here = text.get(at..)?;
        if let Some((length, is_chars, size)) =
            mask_at(rest).filter(|(.., size)| !here.starts_with(rest.get(..*size).unwrap_or_default()))
        {
            // The start of a token's header is shown.
            let shown = if is_chars {
                at.checked_sub(4).filter(|start| compact::begins(text.as_bytes().get(*start..).unwrap_or_default()))
            } else {
                None
            };
            let start = shown.unwrap_or(at);
            let here = text.get(start..)?;
            let end =
                if is_chars { here.char_indices().nth(length).map_or(here.len(), |(end, _)| end) } else { length };
            if end > here.len() {
                return None;
            }
            ranges.push(start..start + end);
            at = start + end;
            rest = rest.get(size..)?;
            continue;
        }
        let mut others = here.chars();
        match others.next() {
            Some(same) if same == next => {
                at += next.len_utf8();
                rest = rest.get(next.len_utf8()..)?;
            }
            // Lists are written with one blank behind their signs.
            Some(blank) if blank.is_whitespace() => at += blank.len_utf8(),
            _ if next.is_whitespace() => rest = rest.get(next.len_utf8()..)?,
            _ => return None,
        }
    }
    text.get(at..)?.trim().is_empty().then_some(ranges)
}

/// A mask at the start of a text: how much it stands for, whether that is counted in characters, and its own length.
fn mask_at(text: &str) -> Option<(usize, bool, usize)> {
    let (rest, opening) = ["***(", "\u{2026}("].iter().find_map(|open| Some((text.strip_prefix(open)?, open.len())))?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let length = rest.get(..digits)?.parse().ok()?;
    let unit = rest.get(digits..)?;
    let is_chars = unit.starts_with(" chars");
    if !is_chars && !unit.starts_with(" bytes") {
        return None;
    }
    let end = unit.find(')')?;
    Some((length, is_chars, opening + digits + end + 1))
}

/// Takes the responses to the challenge, the session key and the integrity code out of an NTLM message; yields what they were.
fn blank_ntlm(message: &mut [u8]) -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    let number = |message: &[u8], at: usize, length: usize| {
        let bytes = message.get(at..at + length).unwrap_or_default();
        bytes.iter().rev().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte))
    };
    if number(message, 8, 4) != 3 {
        return taken;
    }
    let payload =
        [12, 20, 28, 36, 44].into_iter().map(|at| number(message, at + 4, 4)).filter(|offset| *offset > 0).min();
    if payload.is_some_and(|offset| offset >= 88)
        && let Some(code) = message.get_mut(72..88)
    {
        code.fill(b'x');
    }
    for at in [12, 20, 52] {
        let (length, offset) = (number(message, at, 2), number(message, at + 4, 4));
        let end = (offset + length).min(message.len());
        if let Some(bytes) = message.get_mut(offset..end)
            && bytes.iter().any(|byte| *byte != b'x')
        {
            taken.push(bytes.to_vec());
            bytes.fill(b'x');
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing;

    fn ranges(text: &str, masked: &str) -> Option<Vec<String>> {
        Some(masked_ranges(text, masked)?.into_iter().map(|range| text[range].to_owned()).collect())
    }

    #[test]
    fn places_are_told_by_their_masks() {
        for (name, value, secrets) in [
            ("Authorization", "Bearer 9xQ2mZ7vL4kR8wT1aaaa", vec!["9xQ2mZ7vL4kR8wT1aaaa"]),
            ("Authorization", "Basic dXNlcjpwYXNz", vec!["dXNlcjpwYXNz"]),
            ("Cookie", "a=1;b=two;  c=", vec!["1", "two"]),
            ("Set-Cookie", "sid=9xQ2mZ7vL4kR8wT1; Path=/; HttpOnly", vec!["9xQ2mZ7vL4kR8wT1"]),
            ("Host", "mail.contoso.com", vec![]),
            ("Location", "https://h/?access_token=9xQ2mZ7vL4kR8wT1&a=b", vec!["9xQ2mZ7vL4kR8wT1"]),
        ] {
            let masked = redact::field_value(name, value);
            let found = ranges(value, &masked);
            assert_eq!(
                found.as_deref(),
                Some(secrets.into_iter().map(str::to_owned).collect::<Vec<_>>().as_slice()),
                "{value} {masked}"
            );
        }
        let token = testing::outer("00000004-0000-0ff1-ce00-000000000000@7f9c");
        let value = format!("Bearer {token}");
        assert_eq!(ranges(&value, &redact::field_value("Authorization", &value)), Some(vec![token]));
        assert_eq!(ranges("abc", "abd"), None);
        assert_eq!(ranges("ab", "***(9 bytes)"), None);
    }

    #[test]
    fn structure_stays_and_secrets_go() {
        let mut redactor = Redactor::default();
        let basic = redactor.field("Authorization", "Basic dXNlcjpQQHNzOncwcmQh").into_owned();
        let word = basic.strip_prefix("Basic ").unwrap();
        let (decoded, _) = base::decode(word).unwrap();
        assert!(String::from_utf8(decoded).unwrap().starts_with("user:rdx0000"));
        let token = testing::outer("00000004-0000-0ff1-ce00-000000000000@7f9c");
        let value = format!("Bearer {token}");
        let new = redactor.field("Authorization", &value).into_owned();
        assert_eq!(new.len(), value.len());
        assert_ne!(new, value);
        let [before, after] = [&value, &new].map(|it| crate::token::compact::decode(&it[7..], &Limits::default()));
        assert_eq!(before.claim("iss"), after.claim("iss"));
        assert_eq!(before.actor.as_ref().unwrap().claim("nameid"), after.actor.as_ref().unwrap().claim("nameid"));
        // Again, nothing changes.
        assert_eq!(redactor.field("Authorization", &new), new);
        assert_eq!(redactor.field("Authorization", &basic), basic);
        let form = "grant_type=password&username=megan&password=Winter%202026%21&client_id=x";
        let new = redactor.text(form, Level::Prose).into_owned();
        assert!(
            new.len() == form.len()
                && new.contains("username=megan")
                && !new.contains("Winter")
                && !new.contains("2026"),
            "{new}"
        );
        assert_eq!(redactor.text(&new, Level::Prose), new);
    }

    #[test]
    fn the_same_secret_is_found_wherever_it_stands() {
        let mut redactor = Redactor::default();
        let secret = "9xQ2mZ7vL4kR8wT1+/aa";
        let _ = redactor.field("X-Api-Key", secret);
        redactor.settle().unwrap();
        let base =
            ::base64::Engine::encode(&::base64::engine::general_purpose::STANDARD, format!("say: {secret} here"));
        for text in [
            format!("see {secret} in a page"),
            format!("in base64 {base} too"),
            "percent 9xQ2mZ7vL4kR8wT1%2B%2Faa".to_owned(),
            secret.to_ascii_uppercase(),
        ] {
            let new = redactor.text(&text, Level::Facts).into_owned();
            assert_eq!(new.len(), text.len(), "{new}");
            assert!(!new.contains("9xQ2mZ7v") && !new.contains(&base) && !new.contains("9XQ2MZ"), "{new}");
        }
    }
}
