//! The names of a start tag's attributes. The guard of [`crate::xml`] has found the tag right; here it is only cut.

/// What follows the name in the start tag that begins at `offset`, up to its end.
pub(super) fn written<'a>(text: &'a str, offset: usize, name: &str) -> &'a str {
    let rest = text.get(offset + 1 + name.len()..).unwrap_or_default();
    // Nearly every tag has no attributes.
    if rest.starts_with('>') || rest.starts_with("/>") {
        return "";
    }
    let mut quote = None;
    let end = rest.bytes().position(|byte| match quote {
        Some(open) => {
            if byte == open {
                quote = None;
            }
            false
        }
        None => {
            if matches!(byte, b'"' | b'\'') {
                quote = Some(byte);
            }
            byte == b'>'
        }
    });
    let attributes = end.and_then(|end| rest.get(..end)).unwrap_or_default();
    attributes.strip_suffix('/').unwrap_or(attributes)
}

/// The names in what [`written`] answered.
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
        let text = "<r><a b = '>\"/' \n c:d=\"'=\" /></r>";
        let attributes = written(text, 3, "a");
        assert_eq!(names(attributes).collect::<Vec<_>>(), ["b", "c:d"]);
        assert_eq!(written(text, 0, "r"), "");
        assert_eq!(written("<a/>", 0, "a"), "");
    }
}
