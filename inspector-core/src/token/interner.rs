//! Decodes each distinct token once.
//!
//! A server sends the same token with every request of an hour, so the usual lookup is a hash and a comparison of its
//! text; nothing is decoded and nothing is allocated. Actor tokens are kept beside their outer tokens, for one actor
//! token serves thousands of them.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::Arc,
};

use foldhash::fast::RandomState;

use super::{
    Defect, Token, TokenKind,
    compact::{decode_with, too_large},
};
use crate::{
    http::auth::{self, CredentialsKind},
    limits::Limits,
};

/// Bytes of a place in the map, of which up to half are empty.
const PLACE: usize = 2 * size_of::<(Entry, Option<bool>)>();

/// Keeps decoded tokens by their text. Holds at most [`Limits::tokens`] of them and [`Limits::tokens_total`] bytes of memory.
#[derive(Debug)]
pub struct Interner {
    /// Each with whether it is [usual](Interner::usual), once that was asked.
    kept: HashMap<Entry, Option<bool>, RandomState>,
    bytes: usize,
    overflow: u64,
    limits: Limits,
}

/// A token found by its text.
#[derive(Debug)]
struct Entry(Arc<Token>);

impl Interner {
    /// An empty interner.
    pub fn new(limits: &Limits) -> Self {
        Self { kept: HashMap::default(), bytes: 0, overflow: 0, limits: limits.clone() }
    }

    /// The token `raw` is, decoded now or before. White space around it is not part of it.
    pub fn intern(&mut self, raw: &str) -> Arc<Token> {
        self.intern_at(raw.trim(), 0)
    }

    /// The token `raw` is, if it is known and a reader of credentials finds behind `Bearer ` just this token.
    pub(super) fn usual(&mut self, raw: &[u8]) -> Option<Arc<Token>> {
        let (Entry(token), usual) = self.kept.get_key_value(raw)?;
        let token = Arc::clone(token);
        let usual = usual.unwrap_or_else(|| {
            let usual = is_usual(&token);
            if let Some(known) = self.kept.get_mut(raw) {
                *known = Some(usual);
            }
            usual
        });
        usual.then_some(token)
    }

    /// Distinct tokens kept, actor tokens among them.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether no token is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How often a token was decoded without being kept, because a limit was reached.
    pub const fn overflow(&self) -> u64 {
        self.overflow
    }

    fn intern_at(&mut self, raw: &str, depth: usize) -> Arc<Token> {
        if let Some((Entry(token), _)) = self.kept.get_key_value(raw.as_bytes()) {
            return Arc::clone(token);
        }
        if depth > self.limits.token_depth || raw.len() > self.limits.token {
            return Arc::new(too_large(raw, &self.limits));
        }
        let limits = self.limits.clone();
        let token = Arc::new(decode_with(raw, &limits, &mut |nested| self.intern_at(nested.trim(), depth + 1)));
        // A token with a part that was too deep here may be whole elsewhere.
        if depth > 0 && is_cut(&token) {
            return token;
        }
        let bytes = self.bytes.saturating_add(token.weight()).saturating_add(PLACE);
        if self.kept.len() >= self.limits.tokens || bytes > self.limits.tokens_total {
            self.overflow = self.overflow.saturating_add(1);
            return token;
        }
        self.bytes = bytes;
        self.kept.insert(Entry(Arc::clone(&token)), None);
        token
    }
}

/// Whether the credentials of that token behind `Bearer ` are read as the token and nothing else.
fn is_usual(token: &Token) -> bool {
    let raw = token.raw.reveal().as_ref();
    let value = format!("Bearer {raw}");
    let read = auth::parse(&value);
    let [only] = read.as_slice() else { return false };
    let [(parameter, text)] = only.tokens.as_slice() else { return false };
    // A text that begins otherwise may hold the token rather than be it, and one for signed requests holds another.
    (only.scheme, only.secret, parameter.len(), text.as_ref()) == ("Bearer", raw, 0, raw)
        && only.kind == CredentialsKind::Token
        && raw.starts_with("ey")
        && token.kind != TokenKind::Pop
        && !token.defects.contains(&Defect::TooLarge)
}

/// Whether a token inside it was not decoded.
fn is_cut(token: &Token) -> bool {
    token.actor.as_ref().is_some_and(|actor| actor.defects.contains(&Defect::TooLarge) || is_cut(actor))
}

impl Entry {
    fn text(&self) -> &str {
        self.0.raw.reveal()
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Entry {}

impl Hash for Entry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text().as_bytes().hash(state);
    }
}

impl Borrow<[u8]> for Entry {
    fn borrow(&self) -> &[u8] {
        self.text().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{compact::decode, testing::*};

    #[test]
    fn a_token_is_decoded_once_with_its_actor() {
        let mut interner = Interner::new(&Limits::default());
        let outer = interner.intern(OUTER);
        assert!(Arc::ptr_eq(&outer, &interner.intern(&format!(" {OUTER}\n"))));
        assert!(Arc::ptr_eq(outer.actor.as_ref().unwrap(), &interner.intern(ACTOR)));
        assert_eq!((interner.len(), interner.overflow()), (2, 0));
    }

    #[test]
    fn a_token_that_credentials_hold_alone_is_usual() {
        let mut interner = Interner::new(&Limits::default());
        let pop = unsigned(&format!(r#"{{"at":"{ACTOR}","cnf":{{}}}}"#));
        let cut = OUTER.replace('.', "...");
        for (raw, usual) in
            [(ACTOR, true), (OUTER, true), (&pop, false), (&cut, false), ("opaque", false), ("a,b", false)]
        {
            assert!(interner.usual(raw.as_bytes()).is_none(), "{raw} is not known yet");
            let token = interner.intern(raw);
            for _ in 0..2 {
                let found = interner.usual(raw.as_bytes());
                assert_eq!(found.is_some(), usual, "{raw}");
                assert!(found.is_none_or(|found| Arc::ptr_eq(&found, &token)));
            }
        }
    }

    #[test]
    fn beyond_its_limits_it_only_counts() {
        let two = ["one", "two"].map(|raw| decode(raw, &Limits::default()).weight() + PLACE);
        let tokens_total = two.iter().sum();
        for limits in [Limits { tokens: 2, ..Limits::default() }, Limits { tokens_total, ..Limits::default() }] {
            let mut interner = Interner::new(&limits);
            for raw in ["one", "two", "three", "three"] {
                assert_eq!(interner.intern(raw).raw.reveal().as_ref(), raw);
            }
            assert_eq!((interner.len(), interner.overflow()), (2, 2));
            assert_eq!(interner.intern("one").kind, TokenKind::Opaque);
            assert_eq!(interner.overflow(), 2);
        }
    }

    #[test]
    fn a_token_met_too_deep_is_still_whole_elsewhere() {
        let limits = Limits { token_depth: 1, ..Limits::default() };
        let mut interner = Interner::new(&limits);
        let two = wrap(&wrap(ACTOR));
        let deep = interner.intern(&two);
        assert!(is_cut(&deep));
        let middle = interner.intern(&wrap(ACTOR));
        assert_eq!(middle.actor.as_ref().unwrap().kind, TokenKind::S2sActor);
    }
}
