//! Words that are looked for in a text in any letter case, by vector instructions.
//!
//! ```text
//! text    …|<t:UserName>megan</t:UserName><t:Password>…|…    a block
//! lower    |<t:username>megan</t:username><t:password>…|     the words stand here in lower case
//!                                            next block ^ begins before the end of this one by what the longest word has
//! ```

use aho_corasick::{AhoCorasick, packed::Searcher};
use memchr::memmem::Finder;

/// Bytes of a text that are put in lower case at once.
const BLOCK: usize = 4096;

/// Words in lower case, none longer than [`Words::LONGEST`].
#[derive(Debug)]
pub(crate) struct Words {
    /// Those of two letters, which would make the search for the others slow.
    pairs: Vec<Finder<'static>>,
    /// The others. `None` where the processor has no instructions for it.
    longer: Option<Searcher>,
    /// The same, slower, on any processor.
    anywhere: Option<AhoCorasick>,
}

impl Words {
    /// Bytes of the longest word.
    pub(crate) const LONGEST: usize = 32;

    /// Of `words` those in which no other stands: whether any is in a text rests on them.
    pub(crate) fn new(words: impl IntoIterator<Item = &'static str>) -> Self {
        let mut words: Vec<&str> = words.into_iter().collect();
        words.sort_unstable();
        words.dedup();
        let holds_other = |word: &str| words.iter().any(|other| *other != word && word.contains(other));
        let shortest: Vec<&'static str> = words.iter().copied().filter(|word| !holds_other(word)).collect();
        let (pairs, longer): (Vec<_>, Vec<_>) = shortest.into_iter().partition(|word| word.len() == 2);
        Self {
            pairs: pairs.into_iter().map(Finder::new).collect(),
            anywhere: AhoCorasick::new(&longer).ok(),
            longer: Searcher::new(&longer),
        }
    }

    /// Whether one of them stands in a text, ASCII's letters in any case.
    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        let mut block = [0; BLOCK];
        let mut rest = text;
        loop {
            block.iter_mut().zip(rest).for_each(|(to, from)| *to = from.to_ascii_lowercase());
            let lower = block.get(..rest.len().min(BLOCK)).unwrap_or_default();
            let is_longer = match (&self.longer, &self.anywhere) {
                (Some(words), _) => words.find(lower).is_some(),
                (None, Some(words)) => words.is_match(lower),
                (None, None) => true,
            };
            if is_longer || self.pairs.iter().any(|pair| pair.find(lower).is_some()) {
                return true;
            }
            match rest.get(BLOCK - Self::LONGEST..).filter(|_| rest.len() > BLOCK) {
                Some(more) => rest = more,
                None => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 7] = ["password", "pass", "pw", "ok", "otp", "grant_type", "contraseña"];

    #[test]
    fn a_word_is_found_wherever_it_stands_in_a_text() {
        let mut words = Words::new(WORDS);
        for slowly in [false, true] {
            words.longer = words.longer.filter(|_| !slowly);
            for word in WORDS {
                for before in [0, 1, 40, BLOCK - 33, BLOCK - 3, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 40] {
                    let text = format!("{}{}{}", ".".repeat(before), word.to_ascii_uppercase(), ".".repeat(before % 7));
                    assert!(words.is_match(text.as_bytes()), "{word} {before}");
                    assert!(!words.is_match(&text.as_bytes()[..before + 1]), "{word} {before}");
                }
            }
            for length in [0, 1, 2, 31, 32, 33, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
                assert!(!words.is_match(&vec![b'x'; length]), "{length}");
            }
        }
    }
}
