//! A list of words to try on HMAC signatures: what somebody who guesses would try first.

use crate::{limits::Limits, secret::Secret};

/// The words of a file, one a line, as bytes. Never shown.
#[derive(Debug, Default)]
pub struct WordList {
    text: Secret<Vec<u8>>,
    cut: bool,
}

impl WordList {
    /// Takes the content of a file; what lies beyond [`Limits::words`] is left out, with the word that crosses it.
    pub fn new(mut text: Vec<u8>, limits: &Limits) -> Self {
        let cut = text.len() > limits.words;
        if cut {
            text.truncate(limits.words);
            let whole = memchr::memrchr(b'\n', &text).map_or(0, |end| end + 1);
            text.truncate(whole);
        }
        Self { text: Secret::new(text), cut }
    }

    /// The words in order, without their line ends. An empty line is the empty word, which is a bad secret too.
    pub fn words(&self) -> impl Iterator<Item = &[u8]> {
        let text = self.text.reveal().as_slice();
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let lines = (!self.is_empty()).then(|| text.split(|byte| *byte == b'\n'));
        lines.into_iter().flatten().map(|line| line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.text.reveal().is_empty()
    }

    /// Whether some were left out.
    pub const fn is_cut(&self) -> bool {
        self.cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, most: usize) -> (Vec<String>, bool) {
        let list = WordList::new(text.into(), &Limits { words: most, ..Limits::default() });
        (list.words().map(|word| String::from_utf8_lossy(word).into_owned()).collect(), list.is_cut())
    }

    #[test]
    fn a_word_is_a_line() {
        for (text, expected) in [
            ("", vec![]),
            ("a", vec!["a"]),
            ("a\n", vec!["a"]),
            ("a\r\nb c\r\n", vec!["a", "b c"]),
            ("a\n\nb", vec!["a", "", "b"]),
            ("\n", vec![""]),
        ] {
            assert_eq!(words(text, 99), (expected.into_iter().map(str::to_owned).collect(), false), "{text:?}");
        }
    }

    #[test]
    fn a_long_list_is_cut_between_words() {
        assert_eq!(words("one\ntwo\nthree", 9), (vec!["one".to_owned(), "two".to_owned()], true));
        assert_eq!(words("endless", 3), (vec![], true));
    }

    #[test]
    fn words_are_never_shown() {
        assert!(!format!("{:?}", WordList::new(b"hunter2".to_vec(), &Limits::default())).contains("hunter2"));
    }
}
