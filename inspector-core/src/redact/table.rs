//! Lists of words that are asked for at every word of a text.

/// Words by their length, so that most questions are answered by two comparisons. Letter case does not matter.
#[derive(Debug)]
pub(super) struct Table {
    by_length: [Vec<&'static str>; Self::LONGEST],
}

impl Table {
    /// Longest word of a list, in bytes, and one more.
    const LONGEST: usize = 48;

    /// A table of these words. A word that is too long is left out, which a test of each list tells.
    pub(super) fn new(words: &[&'static str]) -> Self {
        let mut by_length = [const { Vec::new() }; Self::LONGEST];
        for word in words {
            if let Some(bucket) = by_length.get_mut(word.len()) {
                bucket.push(*word);
            }
        }
        Self { by_length }
    }

    /// Whether a word is in it.
    pub(super) fn has(&self, word: &str) -> bool {
        let bucket = self.by_length.get(word.len()).map_or(&[][..], Vec::as_slice);
        let first = word.as_bytes().first().map(u8::to_ascii_lowercase);
        bucket.iter().any(|known| known.as_bytes().first().copied() == first && known.eq_ignore_ascii_case(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_letter_case() {
        let table = Table::new(&["basic", "bearer", "x-wsse"]);
        for word in ["Basic", "BEARER", "x-WSSE"] {
            assert!(table.has(word));
        }
        for word in ["", "basi", "bearers", "carer", &"x".repeat(100)] {
            assert!(!table.has(word));
        }
    }
}
