//! Lines and columns, counted only when somebody asks.

/// A place in a text, as an editor shows it: both count from 1, the column in characters. A byte order mark is not
/// counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
}

/// Turns byte offsets into [`Position`]s, stepping from the last one asked for, so that asking for many places in
/// order costs one pass over the text.
#[derive(Clone, Debug)]
pub(crate) struct Locator<'a> {
    text: &'a [u8],
    offset: usize,
    position: Position,
}

impl<'a> Locator<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, offset: 0, position: Position { line: 1, column: 1 } }
    }

    /// The place of the byte at `offset`; beyond the end, the place after the last character.
    pub(crate) fn locate(&mut self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        if offset >= self.offset {
            self.step_forward(offset);
        } else {
            self.step_back(offset);
        }
        self.offset = offset;
        self.position
    }

    fn step_forward(&mut self, offset: usize) {
        let between = self.text.get(self.offset..offset).unwrap_or_default();
        match memchr::memrchr(b'\n', between) {
            None => self.position.column = self.position.column.saturating_add(characters(between)),
            Some(last) => {
                self.position.line = self.position.line.saturating_add(lines(between));
                self.position.column = characters(between.get(last..).unwrap_or_default());
            }
        }
    }

    fn step_back(&mut self, offset: usize) {
        let between = self.text.get(offset..self.offset).unwrap_or_default();
        let crossed = lines(between);
        if crossed == 0 {
            self.position.column = self.position.column.saturating_sub(characters(between));
            return;
        }
        self.position.line = self.position.line.saturating_sub(crossed);
        let before = self.text.get(..offset).unwrap_or_default();
        let start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        self.position.column = characters(before.get(start..).unwrap_or_default()).saturating_add(1);
    }
}

fn lines(bytes: &[u8]) -> u32 {
    u32::try_from(memchr::memchr_iter(b'\n', bytes).count()).unwrap_or(u32::MAX)
}

/// Characters begun in `bytes`: every byte of UTF-8 but those that continue a character.
fn characters(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.iter().filter(|&&byte| byte & 0xC0 != 0x80).count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forward_and_backward_steps_agree_with_a_plain_count() {
        let text = "một\nhai ba\n\nbốn";
        let plain = |offset: usize| {
            let before = text.get(..offset).unwrap();
            let line = before.matches('\n').count() as u32 + 1;
            let column = before.rsplit('\n').next().unwrap().chars().count() as u32 + 1;
            Position { line, column }
        };
        let offsets: Vec<usize> = text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect();
        let mut locator = Locator::new(text.as_bytes());
        for &first in &offsets {
            for &second in &offsets {
                assert_eq!(locator.locate(first), plain(first), "{first}");
                assert_eq!(locator.locate(second), plain(second), "{first} then {second}");
            }
        }
        assert_eq!(locator.locate(usize::MAX), plain(text.len()));
    }
}
