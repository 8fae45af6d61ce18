/// The known word that was most likely meant.
pub fn closest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A long "word" is no misspelling, and the distance takes quadratic time.
    if given.len() > 64 {
        return None;
    }
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(given, word), word))
        // One slip in three letters: "comand" is "command", "key" is not "fetch".
        .filter(|(distance, word)| *distance * 3 <= word.chars().count().max(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn finds_the_slip_and_nothing_far_fetched() {
        let known = ["command", "user", "group", "umask"];
        assert_eq!(closest("comand", known), Some("command"));
        assert_eq!(closest("usre", known), Some("user"));
        assert_eq!(closest("secret", known), None);
        assert_eq!(closest(&"c".repeat(65), known), None);
    }
}
