//! Texts that were looked at and hide nothing.
//!
//! The tokens of one recording repeat most of what is in them: issuer, audience, tenant, the names of their claims. A
//! report looks at each of those once.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

/// Texts that are kept.
const SLOTS: usize = 256;
/// Longest text that is kept, in bytes: with [`SLOTS`] that is 64 KiB at most.
const LONGEST: usize = 256;

/// Some of the texts that hide nothing. A new one takes the place of another.
#[derive(Clone, Debug, Default)]
pub(super) struct Plain(Vec<Box<str>>);

impl Plain {
    /// Whether a text is one of them.
    pub(super) fn has(&self, text: &str) -> bool {
        self.0.get(slot(text)).is_some_and(|known| **known == *text)
    }

    /// Keeps one.
    pub(super) fn keep(&mut self, text: &str) {
        if text.len() > LONGEST {
            return;
        }
        if self.0.is_empty() {
            self.0.resize(SLOTS, Box::default());
        }
        if let Some(place) = self.0.get_mut(slot(text)) {
            *place = text.into();
        }
    }
}

fn slot(text: &str) -> usize {
    let mut hasher = FixedState::default().build_hasher();
    hasher.write(text.as_bytes());
    (hasher.finish() as usize) % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_known_once_it_was_kept() {
        let mut plain = Plain::default();
        let texts: Vec<String> = (0..1000).map(|number| format!("text {number}")).collect();
        for text in &texts {
            assert!(!plain.has(text));
            plain.keep(text);
            assert!(plain.has(text));
        }
        assert_eq!(plain.0.len(), SLOTS);
        assert!(texts.iter().filter(|text| plain.has(text)).count() <= SLOTS);
        plain.keep(&"x".repeat(LONGEST + 1));
        assert!(!plain.has(&"x".repeat(LONGEST + 1)));
    }
}
