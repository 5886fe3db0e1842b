//! The word that was probably meant.

/// The word of `words` that `word` was probably meant to be: at most a third of its letters differ.
pub(crate) fn nearest<'w>(word: &str, words: &[&'w str]) -> Option<&'w str> {
    let (distance, near) = words.iter().map(|known| (distance(word, known), *known)).min()?;
    (distance * 3 <= word.chars().count().max(3)).then_some(near)
}

/// How many letters must be put in, taken out or changed to make `b` of `a` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    // A key of the file may be of any length; what is longer than any word we know is far from all of them.
    for (i, letter) in a.chars().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in b.iter().enumerate() {
            let change = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered_only_if_it_is_near() {
        let words = ["base_url", "generation", "rest_s"];
        assert_eq!(nearest("baseurl", &words), Some("base_url"));
        assert_eq!(nearest("base_ulr", &words), Some("base_url"));
        assert_eq!(nearest("password", &words), None);
        assert_eq!(nearest("", &[]), None);
    }
}
