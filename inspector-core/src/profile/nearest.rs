//! The known word a misspelled one is nearest to.

/// The nearest of `known`, letter case aside; `None` if none is near enough to be meant.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = folded(word);
    let enough = (word.chars().count() / 3).max(2);
    let distances = known.into_iter().map(|candidate| (strsim::levenshtein(&word, &folded(candidate)), candidate));
    distances.filter(|(distance, _)| *distance <= enough).min_by_key(|(distance, _)| *distance).map(|(_, it)| it)
}

/// Letters that are compared.
const LONGEST: usize = 64;

/// The first letters of a word, in lower case.
fn folded(word: &str) -> String {
    word.chars().take(LONGEST).flat_map(char::to_lowercase).collect()
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
    }
}
