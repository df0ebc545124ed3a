//! One look over a text before it is searched: which of the characters a secret needs are in it at all.
//!
//! Reports mask thousands of short texts that hide nothing: identifiers, hosts, times, sentences of their own. Each
//! detector needs a sign to find anything, so one pass that gathers the signs spares most texts most detectors.

/// A set of byte values.
pub(super) struct Bytes([bool; 256]);

impl Bytes {
    /// The ASCII letters and digits and these.
    #[expect(clippy::indexing_slicing, reason = "evaluated while compiling")]
    pub(super) const fn letters_and(more: &[u8]) -> Self {
        let mut all = [false; 256];
        let mut byte = 0;
        while byte < all.len() {
            all[byte] = (byte as u8).is_ascii_alphanumeric();
            byte += 1;
        }
        let mut at = 0;
        while at < more.len() {
            all[more[at] as usize] = true;
            at += 1;
        }
        Self(all)
    }

    /// Whether a byte is one of them.
    pub(super) fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).copied().unwrap_or_default()
    }
}

/// Signs of secrets, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signs(u16);

impl Signs {
    /// A letter that a compact token, or its base64, begins with.
    const FIRST: Self = Self(1);
    /// One that can follow that: `ey`, `ew`, `ZX`.
    const SECOND: Self = Self(1 << 1);
    /// `/`
    pub(super) const SLASH: Self = Self(1 << 2);
    /// `@`
    pub(super) const AT: Self = Self(1 << 3);
    /// `%`
    pub(super) const PERCENT: Self = Self(1 << 4);
    /// `=`, `:` or `>`, which part a name from its value.
    pub(super) const PAIR: Self = Self(1 << 5);
    /// `\` or `&`, which begin an escape.
    pub(super) const ESCAPE: Self = Self(1 << 6);
    /// White space; any character that is not ASCII can be some.
    pub(super) const SPACE: Self = Self(1 << 7);
    /// What else can part a scheme from its credentials.
    pub(super) const GAP: Self = Self(1 << 8);
    /// Control characters and what is not ASCII.
    pub(super) const UNPRINTABLE: Self = Self(1 << 9);
    /// `-`
    pub(super) const DASH: Self = Self(1 << 10);
    /// A letter of a word.
    const LETTER: Self = Self(1 << 11);
    /// Letters in a row that are enough for a secret.
    pub(super) const LONG: Self = Self(1 << 12);
    /// Two letters with which a compact token, or its base64, begins.
    pub(super) const OPENING: Self = Self(1 << 13);

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any of those is among them.
    pub(super) const fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }

    /// The signs in a text; runs of that many letters are long.
    pub(super) fn of(text: &str, long: usize) -> Self {
        let (mut seen, mut before, mut run, mut longest) = (0, 0, 0_usize, 0);
        for byte in text.bytes() {
            let here = TABLE.get(usize::from(byte)).copied().unwrap_or_default();
            seen |= here | (((before & Self::FIRST.0) << 1) & here) << 12;
            run = if here & Self::LETTER.0 != 0 { run + 1 } else { 0 };
            longest = run.max(longest);
            before = here;
        }
        Self(seen | if longest >= long { Self::LONG.0 } else { 0 })
    }
}

/// What each byte is a sign of.
#[expect(clippy::indexing_slicing, reason = "evaluated while compiling")]
const TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = sign(byte as u8).0;
        byte += 1;
    }
    table
};

const fn sign(byte: u8) -> Signs {
    match byte {
        b'e' | b'Z' => Signs::FIRST.or(Signs::LETTER),
        b'y' | b'w' | b'X' => Signs::SECOND.or(Signs::LETTER),
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'~' => Signs::LETTER,
        b'-' => Signs::DASH.or(Signs::LETTER),
        b'+' => Signs::GAP.or(Signs::LETTER),
        b'/' => Signs::SLASH.or(Signs::LETTER),
        b'%' => Signs::PERCENT.or(Signs::LETTER),
        b'=' => Signs::PAIR.or(Signs::GAP).or(Signs::LETTER),
        b':' => Signs::PAIR.or(Signs::GAP),
        b'>' => Signs::PAIR,
        b'@' => Signs::AT,
        b'\\' => Signs::ESCAPE.or(Signs::GAP),
        b'&' => Signs::ESCAPE,
        b' ' => Signs::SPACE.or(Signs::GAP),
        b'"' | b'\'' | b'|' => Signs::GAP,
        0..=0x1f | 0x7f.. => Signs::SPACE.or(Signs::GAP).or(Signs::UNPRINTABLE),
        _ => Signs(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_tells_what_is_in_a_text() {
        for (text, signs) in [
            ("", vec![]),
            ("short", vec![]),
            ("a-b", vec![Signs::DASH]),
            ("longenough", vec![Signs::LONG]),
            ("a=b", vec![Signs::PAIR, Signs::GAP]),
            ("a b", vec![Signs::SPACE, Signs::GAP]),
            ("they", vec![Signs::OPENING]),
            ("yellow", vec![]),
            ("ZX", vec![Signs::OPENING]),
            ("//u@h", vec![Signs::SLASH, Signs::AT]),
            ("%41", vec![Signs::PERCENT]),
            ("a\\u00", vec![Signs::ESCAPE, Signs::GAP]),
            ("a\u{a0}", vec![Signs::SPACE, Signs::GAP, Signs::UNPRINTABLE]),
        ] {
            let seen = Signs::of(text, 8);
            for sign in [
                Signs::SLASH,
                Signs::AT,
                Signs::PERCENT,
                Signs::PAIR,
                Signs::ESCAPE,
                Signs::SPACE,
                Signs::GAP,
                Signs::UNPRINTABLE,
                Signs::DASH,
                Signs::LONG,
                Signs::OPENING,
            ] {
                assert_eq!(seen.has(sign), signs.contains(&sign), "{text:?} {sign:?}");
            }
        }
    }
}
