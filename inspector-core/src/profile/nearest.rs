//! The known word a misspelled one is nearest to.

/// The nearest of `known`, letter case aside; `None` if none is near enough to be meant.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word: Vec<char> = word.chars().take(LONGEST).flat_map(char::to_lowercase).collect();
    let enough = (word.len() / 3).max(2);
    let distances = known.into_iter().map(|candidate| (distance(&word, candidate), candidate));
    distances.filter(|(distance, _)| *distance <= enough).min_by_key(|(distance, _)| *distance).map(|(_, it)| it)
}

/// Letters that are compared.
const LONGEST: usize = 64;

/// Letters to insert, delete or replace (Levenshtein), a row at a time.
fn distance(word: &[char], candidate: &str) -> usize {
    let mut row: Vec<usize> = (0..=word.len()).collect();
    for (number, letter) in candidate.chars().take(LONGEST).flat_map(char::to_lowercase).enumerate() {
        let mut next = vec![number + 1];
        for (above, (diagonal, other)) in row.iter().skip(1).zip(row.iter().zip(word)) {
            let left = next.last().copied().unwrap_or_default();
            next.push((diagonal + usize::from(*other != letter)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelled_words() {
        let known = ["name", "title", "callers", "realms", "resources"];
        for (word, meant) in [
            ("realm", Some("realms")),
            ("Relams", Some("realms")),
            ("caller", Some("callers")),
            ("nmae", Some("name")),
            ("resource", Some("resources")),
            ("something", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
        assert_eq!(distance(&"kitten".chars().collect::<Vec<_>>(), "sitting"), 3);
    }
}
