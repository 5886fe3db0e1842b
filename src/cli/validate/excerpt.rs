//! What is shown of the line at fault. Values are dots: they name patients, and what is printed ends in logs of build
//! servers. Whatever is not surely the name of an element, an attribute or a JSON member counts as a value, because the
//! line may be one that a broken program wrote.

/// Characters shown of one line: some programs write a whole table in one.
const LINE_CHARACTERS_MAX: usize = 120;
/// Of those, before the element at fault.
const BEFORE_CHARACTERS: usize = 24;
/// Read around the place to tell names from values: what begins earlier counts as a value.
const AROUND_CHARACTERS: usize = 2_000;
/// The longest name shown; those of the tables have at most 30 characters.
const NAME_CHARACTERS_MAX: usize = 64;

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Xml,
    Json,
}

/// A line as shown, and what is marked in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) text: String,
    /// Characters before the mark.
    pub(super) before: usize,
    /// Characters marked.
    pub(super) marked: usize,
}

// === impl Excerpt ===

impl Excerpt {
    /// The line around the character at `column` (from 0).
    pub(super) fn of(line: &str, form: Form, column: usize, show_values: bool) -> Self {
        // A table of many megabytes may stand in one line, with a thousand faults.
        let passed = column.saturating_sub(AROUND_CHARACTERS);
        let around: Vec<char> = line.chars().skip(passed).take(2 * AROUND_CHARACTERS).collect();
        let dots = if show_values { Vec::new() } else { values(&around, form) };
        let shown = |at: usize, c: char| if dots.get(at).is_some_and(|dot| *dot) { dot(c) } else { plain(c) };
        let masked: Vec<char> = around.iter().enumerate().map(|(at, c)| shown(at, *c)).collect();
        let column = (column - passed).min(masked.len());
        // From the beginning if it fits, else from a little before the place.
        let fits = passed == 0 && column + BEFORE_CHARACTERS < LINE_CHARACTERS_MAX;
        let skipped = if fits { 0 } else { column.saturating_sub(BEFORE_CHARACTERS) };
        let end = masked.len().min(skipped + LINE_CHARACTERS_MAX);
        // Indentation says nothing.
        let blanks = masked.iter().take_while(|c| **c == ' ').count();
        let indent = if fits { blanks.min(column) } else { 0 };
        let mut text: String = masked.iter().take(end).skip(skipped + indent).collect();
        if end < masked.len() {
            text.push('…');
        }
        if !fits {
            text.insert(0, '…');
        }
        let before = column - skipped - indent + usize::from(!fits);
        // The tag, or the member's name, if one begins here.
        let length = match (form, masked.get(column)) {
            (Form::Xml, Some('<')) => masked.iter().skip(column).position(|c| *c == '>').map_or(1, |length| length + 1),
            (Form::Json, Some(_)) => name(&around, column).len().max(1),
            _ => 1,
        };
        let room = (skipped + LINE_CHARACTERS_MAX).saturating_sub(column).max(1);
        Self { text, before, marked: length.min(room) }
    }
}

/// Which characters belong to values.
fn values(line: &[char], form: Form) -> Vec<bool> {
    let mut values = vec![true; line.len()];
    let mut at = 0;
    while at < line.len() {
        let (names, end) = match form {
            Form::Xml => tag(line, at),
            Form::Json => member(line, at),
        };
        at = end.max(at + 1);
        for index in names.into_iter().flatten() {
            if let Some(value) = values.get_mut(index) {
                *value = false;
            }
        }
    }
    values
}

type Range = std::ops::Range<usize>;

/// The names of the tag that begins at `at`, and where they end: none unless it reads as a tag to its end, or to the end
/// of the line.
fn tag(line: &[char], at: usize) -> (Vec<Range>, usize) {
    let none = (Vec::new(), at);
    if line.get(at) != Some(&'<') {
        return none;
    }
    let element = name(line, at + 1 + usize::from(line.get(at + 1) == Some(&'/')));
    if element.is_empty() {
        return none;
    }
    let mut at = element.end;
    let mut names = vec![element];
    loop {
        let blanks = line.iter().skip(at).take_while(|c| c.is_ascii_whitespace()).count();
        at += blanks;
        let attribute = name(line, at);
        match (line.get(at), line.get(attribute.end), line.get(attribute.end + 1)) {
            (None | Some('>'), ..) | (Some('/'), Some('/'), Some('>')) => return (names, at),
            (_, Some('='), Some(quote @ ('"' | '\''))) if blanks > 0 && !attribute.is_empty() => {
                let begin = attribute.end + 2;
                names.push(attribute);
                match line.iter().skip(begin).position(|c| c == quote) {
                    Some(length) => at = begin + length + 1,
                    None => return (names, begin),
                }
            }
            _ => return none,
        }
    }
}

/// The name of the JSON member whose quote stands at `at`, and where the string ends, which may be no name.
fn member(line: &[char], at: usize) -> (Vec<Range>, usize) {
    if line.get(at) != Some(&'"') {
        return (Vec::new(), at);
    }
    let (begin, mut end) = (at + 1, at + 1);
    while line.get(end).is_some_and(|c| *c != '"') {
        end += 1 + usize::from(line.get(end) == Some(&'\\'));
    }
    let end = end.min(line.len());
    let follows = line.iter().skip(end + 1).find(|c| !c.is_ascii_whitespace());
    let is_member = name(line, begin) == (begin..end) && follows == Some(&':');
    (is_member.then_some(begin..end).into_iter().collect(), end + 1)
}

/// The name that begins here, perhaps empty.
fn name(line: &[char], at: usize) -> Range {
    let of_name = |c: &&char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    let length = line.iter().skip(at).take_while(of_name).count();
    if length > NAME_CHARACTERS_MAX { at..at } else { at..at + length }
}

/// A character of a value: its blanks and marks stay, so that its form can be seen.
fn dot(c: char) -> char {
    if c.is_ascii_punctuation() || c.is_whitespace() { plain(c) } else { '•' }
}

/// A character that cannot rewrite the screen, and takes one column.
pub(super) fn plain(c: char) -> char {
    match c {
        '\t' | '\r' | '\n' => ' ',
        // Marks of writing direction turn round what follows; the others cannot be seen.
        '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' => '\u{FFFD}',
        c if c.is_control() => '\u{FFFD}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(line: &str, form: Form) -> String {
        Excerpt::of(line, form, 0, false).text
    }

    #[test]
    fn texts_are_dots_and_names_stay() {
        let excerpt = Excerpt::of("  <HO_TEN>BÙI THỊ GIẢ</HO_TEN>", Form::Xml, 2, false);
        assert_eq!(excerpt, Excerpt { text: "<HO_TEN>••• ••• •••</HO_TEN>".to_owned(), before: 0, marked: 8 });
        for (line, shown) in [
            ("<A Id=\"Id-1\" b='x>y'>1.5</A>", "<A Id=\"••-•\" b='•>•'>•.•</A>"),
            ("<A/><B />01/02", "<A/><B />••/••"),
            ("GIẢ", "•••"),
            // Composed of letters and marks: a mark alone would tell the letter's tone.
            ("<A>GIA\u{309}</A>", "<A>••••</A>"),
            ("<HO_TEN", "<HO_TEN"),
        ] {
            assert_eq!(masked(line, Form::Xml), shown);
        }
        assert_eq!(Excerpt::of("<A>1\u{1b}[2J</A>", Form::Xml, 0, true).text, "<A>1\u{FFFD}[2J</A>");
    }

    #[test]
    fn what_a_broken_program_wrote_is_a_value() {
        for line in [
            "<HO_TEN NGUYEN VAN A</HO_TEN>",
            "<HO_TEN>A <NGUYEN VAN B</HO_TEN>",
            "<!-- NGUYEN VAN A -->",
            "<HO_TEN><![CDATA[NGUYEN VAN A]]></HO_TEN>",
            "<?x NGUYEN VAN A?>",
            "<HO_TEN x='1\" NGUYEN='>NGUYEN</HO_TEN>",
            "NGUYEN VAN A />",
            "<NGUYỄN_VĂN_A>",
            "=\"NGUYEN VAN A\">",
            "<HO_TEN a=NGUYEN>",
        ] {
            let shown = masked(line, Form::Xml);
            assert!(!shown.contains("NGUY") && !shown.contains("VAN"), "{line}: {shown}");
        }
    }

    #[test]
    fn of_json_the_names_of_members_stay() {
        let line = "{\"HOTEN\": \"NGUYEN A\", \"CAN\":52.5, \"NGUYEN A\":1, \"B\":\"x\\\": \", \"C\":[\"NGUYEN\"]}";
        let shown = "{\"HOTEN\": \"•••••• •\", \"CAN\":••.•, \"•••••• •\":•, \"B\":\"•\\\": \", \"C\":[\"••••••\"]}";
        assert_eq!(masked(line, Form::Json), shown);
        let marked = |column| Excerpt::of(line, Form::Json, column, false).marked;
        assert_eq!((marked(0), marked(2)), (1, 5));
    }

    #[test]
    fn of_a_long_line_the_place_is_shown() {
        let line = format!("<A>{}</A><B>1</B>{}", "x".repeat(500), "y".repeat(500));
        let Excerpt { text, before, marked } = Excerpt::of(&line, Form::Xml, 507, false);
        assert!(text.starts_with('…') && text.ends_with('…') && text.chars().count() == LINE_CHARACTERS_MAX + 2);
        let mark: String = text.chars().skip(before).take(marked).collect();
        assert_eq!(mark, "<B>");
        assert_eq!(Excerpt::of("", Form::Xml, 5, false), Excerpt { text: String::new(), before: 0, marked: 1 });
    }
}
