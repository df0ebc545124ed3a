//! Text in diagrams: a browser breaks no lines there.

/// Columns a character takes, where one is about as wide as a digit: letters of East Asia take two.
const fn columns(c: char) -> usize {
    match c {
        '\u{1100}'..='\u{115f}' | '\u{2e80}'.. => 2,
        _ => 1,
    }
}

/// Breaks a text into at most `lines` lines of at most `room` columns; what is left is cut at its end.
pub(super) fn broken(text: &str, room: usize, lines: usize) -> Vec<String> {
    let room = room.max(8);
    let mut all: Vec<String> = vec![String::new()];
    let mut taken = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut word = word;
        loop {
            let width: usize = word.chars().map(columns).sum();
            let gap = usize::from(taken > 0);
            let Some(line) = all.last_mut() else { return all };
            if taken + gap + width <= room {
                if gap > 0 {
                    line.push(' ');
                }
                line.push_str(word);
                taken += gap + width;
                break;
            }
            // A word longer than a line is broken at its signs, or anywhere.
            let part = if taken == 0 { part(word, room) } else { "" };
            line.push_str(part);
            word = word.get(part.len()..).unwrap_or_default();
            if all.len() == lines {
                if let Some(line) = all.last_mut() {
                    *line = cut(&format!("{line} {word}"), room, true);
                }
                return all;
            }
            all.push(String::new());
            taken = 0;
        }
    }
    all
}

/// As much of a word as fits, up to behind a sign if there is one in its second half.
fn part(word: &str, room: usize) -> &str {
    let mut taken = 0;
    let mut end = word.len();
    for (at, c) in word.char_indices() {
        taken += columns(c);
        if taken > room {
            end = at;
            break;
        }
    }
    let fits = word.get(..end).unwrap_or(word);
    match fits.rfind(['/', '@', '-', '.', '?', '&', ',']) {
        Some(sign) if sign > end / 2 && end < word.len() => fits.get(..=sign).unwrap_or(fits),
        _ => fits,
    }
}

/// A text of at most `room` columns; one that is longer, or goes on, ends with an ellipsis.
pub(super) fn cut(text: &str, room: usize, goes_on: bool) -> String {
    let width: usize = text.chars().map(columns).sum();
    if width <= room && !goes_on {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut taken = 0;
    for c in text.chars() {
        taken += columns(c);
        if taken >= room {
            break;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    out.push('\u{2026}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_room() {
        let text = "calls mail.contoso.com/ews/exchange.asmx as 00000004…@7f9c2b1e… with s2s-outer";
        let lines = broken(text, 44, 3);
        assert_eq!(lines, ["calls mail.contoso.com/ews/exchange.asmx as", "00000004…@7f9c2b1e… with s2s-outer"]);
        for room in [8, 10, 20, 33] {
            for lines in [1, 2, 3] {
                let all = broken(text, room, lines);
                assert!(all.len() <= lines);
                assert!(all.iter().all(|line| line.chars().map(columns).sum::<usize>() <= room), "{room} {all:?}");
            }
        }
        assert_eq!(broken(&"x".repeat(30), 10, 2), ["xxxxxxxxxx", "xxxxxxxxx…"]);
        assert_eq!(broken("", 10, 2), [""]);
        assert_eq!(cut("abc", 3, false), "abc");
        assert_eq!(cut("abcd", 3, false), "ab…");
    }
}
