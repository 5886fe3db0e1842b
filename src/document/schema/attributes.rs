//! The names of a start tag's attributes. The guard of [`crate::xml`] has found the tag right; here it is only cut.

/// The names in what stands behind a tag's name.
pub(super) fn names(attributes: &str) -> impl Iterator<Item = &str> {
    let mut rest = attributes;
    std::iter::from_fn(move || {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (_, behind) = after.get(1..)?.split_once(quote)?;
        rest = behind;
        Some(name.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_out() {
        assert_eq!(names(" b = '>\"/' \n c:d=\"'=\" ").collect::<Vec<_>>(), ["b", "c:d"]);
        assert_eq!(names("").count(), 0);
    }
}
