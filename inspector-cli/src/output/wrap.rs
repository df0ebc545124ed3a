//! Text in columns: breaks lines between words, and words that are too long where they can be read on.
//!
//! Everything here escapes what it is given ([`super::escape`]), so that text from a recording is safe by being wrapped.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use super::{WIDTH, escape};

/// The lines of `text`, each of at most `width` characters. Never empty.
pub(crate) fn lines(text: &str, width: usize) -> Vec<String> {
    let text = escape::line(text);
    let width = width.max(8);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in words(&text) {
        for (number, piece) in pieces(&word, width).into_iter().enumerate() {
            let length = piece.chars().count();
            let gap = usize::from(number == 0 && used > 0);
            match lines.last_mut() {
                Some(line) if number == 0 && used + gap + length <= width => {
                    if gap == 1 {
                        line.push(' ');
                    }
                    line.push_str(piece);
                    used += gap + length;
                }
                Some(line) if used == 0 => {
                    line.push_str(piece);
                    used = length;
                }
                _ => {
                    lines.push(piece.to_owned());
                    used = length;
                }
            }
        }
    }
    lines
}

/// The words of a text. A number and its unit are one: no line ends between them.
fn words(text: &str) -> Vec<Cow<'_, str>> {
    let mut words: Vec<Cow<'_, str>> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let unit = word.trim_end_matches([',', '.', ';', ':', ')']);
        match words.last_mut() {
            Some(before) if UNITS.contains(&unit) && is_number(before) => before.to_mut().push_str(&format!(" {word}")),
            _ => words.push(Cow::Borrowed(word)),
        }
    }
    words
}

/// What stands behind a number and says nothing alone.
const UNITS: [&str; 17] =
    ["s", "ms", "us", "min", "h", "d", "days", "bytes", "byte", "B", "KiB", "MiB", "GiB", "bits", "UTC", "times", "%"];

/// Whether a word is a number, or a time of the day.
fn is_number(word: &str) -> bool {
    let word = word.trim_start_matches(['(', '+', '-']);
    word.starts_with(|c: char| c.is_ascii_digit()) && word.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ':'))
}

/// Writes `text` behind `label`; further lines begin below the text.
pub(crate) fn hanging(to: &mut dyn Write, label: &str, text: &str) -> io::Result<()> {
    styled(to, label, label.chars().count(), text)
}

/// As [`hanging`], for a label of `columns` visible characters that holds colours.
pub(crate) fn styled(to: &mut dyn Write, label: &str, columns: usize, text: &str) -> io::Result<()> {
    for (number, line) in lines(text, WIDTH.saturating_sub(columns)).into_iter().enumerate() {
        if number == 0 {
            writeln!(to, "{}", format!("{label}{line}").trim_end())?;
        } else {
            writeln!(to, "{:columns$}{line}", "")?;
        }
    }
    Ok(())
}

/// The pieces of a word, each of at most `width` characters, cut before `@`, `/`, `?` and `&` or behind `-`, `,`, `.` and
/// `_` where that is possible.
fn pieces(word: &str, width: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = word;
    while let Some((most, _)) = rest.char_indices().nth(width) {
        let head = rest.get(..most).unwrap_or(rest);
        let before = head.rfind(['@', '/', '?', '&']).filter(|cut| *cut >= most / 4);
        let behind = || head.rfind(['-', ',', '.', '_']).map(|cut| cut + 1).filter(|cut| *cut >= most / 2);
        let cut = before.or_else(behind).unwrap_or(most);
        let (piece, tail) = rest.split_at(cut);
        pieces.push(piece);
        rest = tail;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(lines("one two three four", 9), ["one two", "three", "four"]);
        assert_eq!(lines("", 9), [""]);
        assert_eq!(lines("valid for 8 h, left 58 min.", 12), ["valid for", "8 h, left", "58 min."]);
        assert_eq!(lines("a  b", 9), ["a b"]);
        assert_eq!(lines("a\u{1b}[2Jb c", 80), ["a\\u{1b}[2Jb c"]);
    }

    #[test]
    fn long_words_break_where_they_can_be_read_on() {
        let principal = "00000002-0000-0ff1-ce00-000000000000/mail.contoso.com@7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f";
        assert_eq!(
            lines(principal, 60),
            ["00000002-0000-0ff1-ce00-000000000000/mail.contoso.com", "@7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f"]
        );
        assert_eq!(lines(&"x".repeat(20), 8), ["xxxxxxxx", "xxxxxxxx", "xxxx"]);
        assert_eq!(lines("ab ééééééééé", 8), ["ab", "éééééééé", "é"]);
    }

    #[test]
    fn nothing_is_wider_than_the_screen() {
        let mut out = Vec::new();
        hanging(&mut out, "label     ", &"word and longer words ".repeat(20)).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().count() > 4 && text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("          ")));
    }
}
