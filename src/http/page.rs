//! Which page of a list is wanted, as every list that has no other filter reads it.

use crate::domain::Bilingual;
use crate::http::problem::{self, Problem, field_error};

/// Rows of a page where nothing is said.
const USUAL: u32 = 100;

/// One page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// Rows at most.
    pub(super) limit: u32,
    /// Only what stands before this position: `page.next` of the page before.
    pub(super) before: Option<i64>,
}

impl Page {
    /// Reads `limit` (1 to `most`) and `cursor`; what else there is, is refused.
    pub(super) fn read(query: &[(String, String)], most: u32) -> Result<Self, Problem> {
        let mut page = Self { limit: USUAL, before: None };
        for (name, value) in query {
            let understood = match name.as_str() {
                "limit" => {
                    let wished = value.parse().ok().filter(|wished| (1..=most).contains(wished));
                    wished.map(|wished| page.limit = wished).is_some()
                }
                "cursor" => {
                    page.before = value.strip_prefix("cur_").and_then(|number| number.parse().ok());
                    page.before.is_some()
                }
                "lang" => true,
                _ => false,
            };
            if !understood {
                let message = Bilingual::fixed("Tham số không hợp lệ", "The parameter is not valid");
                let cure = Bilingual::composed(
                    format!("limit: 1 đến {most}; cursor: page.next của trang trước."),
                    format!("limit: 1 to {most}; cursor: page.next of the page before."),
                );
                return Err(problem::invalid_request(vec![field_error("query", "FILTER", message, cure)]));
            }
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_understood_is_a_page_and_nothing_else_is() {
        let read = |pairs: &[(&str, &str)]| {
            let query: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Page::read(&query, 500).ok()
        };
        assert_eq!(read(&[("lang", "en")]), Some(Page { limit: 100, before: None }));
        assert_eq!(read(&[("limit", "500"), ("cursor", "cur_7")]), Some(Page { limit: 500, before: Some(7) }));
        for wrong in
            [("limit", "0"), ("limit", "501"), ("limit", "x"), ("cursor", "7"), ("cursor", "cur_x"), ("from", "1")]
        {
            assert_eq!(read(&[wrong]), None, "{wrong:?}");
        }
    }
}
