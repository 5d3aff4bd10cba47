//! A validating scanner over one JSON document.
//!
//! It accepts less than Jackson does: whatever is unusual (broken, but also UTF-16, overlong UTF-8, very long
//! numbers, deep nesting) is a `Doubt`, and the row form decides.  What it accepts, Jackson accepts as well.

/// The row form has to decide about this document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt;

pub type Scanned<T> = Result<T, Doubt>;

pub const MAX_DEPTH: usize = 256;
const MAX_NUMBER_BYTES: usize = 900;
const MAX_NAME_BYTES: usize = 40_000;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Absent,
    Null,
    True,
    False,
    /// Digits, perhaps with a minus.
    Int,
    /// A fraction and no exponent.
    Fraction,
    /// An exponent.
    Exponent,
    /// Text without an escape, quotes excluded.
    Text,
    /// Text with escapes, quotes excluded.
    Escaped,
    Object,
    Array,
    /// An object whose fields a column has taken already.
    Taken,
}

/// A value and where its bytes are.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub kind: Kind,
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub const ABSENT: Span = Span { kind: Kind::Absent, start: 0, end: 0 };

    #[inline(always)]
    pub fn bytes<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        &data[self.start as usize..self.end as usize]
    }
}

/// 1 for bytes that end the plain run of a string: controls, quote, backslash and everything beyond ASCII.
static SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte < 0x20 || byte == b'"' as usize || byte == b'\\' as usize || byte >= 0x80;
        byte += 1;
    }
    table
};

pub struct Scanner<'a> {
    pub data: &'a [u8],
    pub at: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Scanner { data, at: 0 }
    }

    #[inline(always)]
    pub fn peek(&self) -> u8 {
        // A zero byte is valid nowhere, so it can stand for the end.
        if self.at < self.data.len() {
            self.data[self.at]
        } else {
            0
        }
    }

    #[inline(always)]
    pub fn skip_white(&mut self) -> u8 {
        loop {
            let byte = self.peek();
            if byte > b' ' || !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return byte;
            }
            self.at += 1;
        }
    }

    /// Reads the value that starts here; white space before it has been skipped.
    #[inline(always)]
    pub fn value(&mut self, depth: usize) -> Scanned<Span> {
        let start = self.at;
        let kind = match self.peek() {
            b'"' => return self.string(),
            b'-' | b'0'..=b'9' => self.number()?,
            b'{' => self.object(depth)?,
            b'[' => self.array(depth)?,
            b't' => self.literal(b"true", Kind::True)?,
            b'f' => self.literal(b"false", Kind::False)?,
            b'n' => self.literal(b"null", Kind::Null)?,
            _ => return Err(Doubt),
        };
        Ok(Span { kind, start: start as u32, end: self.at as u32 })
    }

    fn literal(&mut self, text: &[u8], kind: Kind) -> Scanned<Kind> {
        if !self.data[self.at..].starts_with(text) {
            return Err(Doubt);
        }
        self.at += text.len();
        Ok(kind)
    }

    /// Skips digits, eight at a time.
    #[inline(always)]
    fn digits(&mut self) -> usize {
        const HIGH_NIBBLES: u64 = 0xF0F0_F0F0_F0F0_F0F0;
        const ZEROS: u64 = 0x3030_3030_3030_3030;
        const SIXES: u64 = 0x0606_0606_0606_0606;
        let start = self.at;
        while let Some(word) = self.data[self.at..].first_chunk::<8>() {
            let word = u64::from_le_bytes(*word);
            // Both a digit and a digit plus six lie in 0x30 to 0x3F.  Only the lowest mark is exact.
            let other = ((word & HIGH_NIBBLES) ^ ZEROS) | ((word.wrapping_add(SIXES) & HIGH_NIBBLES) ^ ZEROS);
            if other != 0 {
                self.at += (other.trailing_zeros() / 8) as usize;
                return self.at - start;
            }
            self.at += 8;
        }
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        self.at - start
    }

    #[inline]
    pub fn number(&mut self) -> Scanned<Kind> {
        let start = self.at;
        let mut kind = Kind::Int;
        if self.peek() == b'-' {
            self.at += 1;
        }
        let is_zero = self.peek() == b'0';
        let whole = self.digits();
        if whole == 0 || (is_zero && whole > 1) {
            return Err(Doubt);
        }
        if self.peek() == b'.' {
            self.at += 1;
            kind = Kind::Fraction;
            if self.digits() == 0 {
                return Err(Doubt);
            }
        }
        if self.peek() | 0x20 == b'e' {
            self.at += 1;
            kind = Kind::Exponent;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            // Longer exponents may overflow a scale.
            if !(1..=8).contains(&self.digits()) {
                return Err(Doubt);
            }
        }
        if self.at - start > MAX_NUMBER_BYTES || self.peek() == b'.' {
            return Err(Doubt);
        }
        Ok(kind)
    }

    #[inline(always)]
    pub fn string(&mut self) -> Scanned<Span> {
        self.at += 1;
        let start = self.at;
        let mut kind = Kind::Text;
        loop {
            self.plain_run();
            match self.peek() {
                b'"' => break,
                b'\\' => {
                    kind = Kind::Escaped;
                    self.escape()?;
                }
                byte if byte >= 0x80 => self.multi_byte(byte)?,
                _ => return Err(Doubt),
            }
        }
        let end = self.at;
        self.at += 1;
        Ok(Span { kind, start: start as u32, end: end as u32 })
    }

    /// Skips ASCII bytes without a meaning, eight at a time.
    #[inline(always)]
    fn plain_run(&mut self) {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const HIGHS: u64 = 0x8080_8080_8080_8080;
        while self.at + 8 <= self.data.len() {
            let mut word = [0u8; 8];
            word.copy_from_slice(&self.data[self.at..self.at + 8]);
            let word = u64::from_le_bytes(word);
            let quote = word ^ (ONES * b'"' as u64);
            let backslash = word ^ (ONES * b'\\' as u64);
            let found =
                (word.wrapping_sub(ONES * 0x20) | quote.wrapping_sub(ONES) | backslash.wrapping_sub(ONES) | word)
                    & HIGHS;
            // A borrow may mark a byte too many, never one too few, and the lowest mark is exact.
            if found != 0 {
                self.at += (found.trailing_zeros() / 8) as usize;
                return;
            }
            self.at += 8;
        }
        while self.at < self.data.len() && !SPECIAL[self.data[self.at] as usize] {
            self.at += 1;
        }
    }

    fn escape(&mut self) -> Scanned<()> {
        match self.data.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u')
                if self.data.len() >= self.at + 6
                    && self.data[self.at + 2..self.at + 6].iter().all(u8::is_ascii_hexdigit) =>
            {
                self.at += 6
            }
            _ => return Err(Doubt),
        }
        Ok(())
    }

    /// Checks one character beyond ASCII strictly.
    fn multi_byte(&mut self, first: u8) -> Scanned<()> {
        let rest = &self.data[self.at + 1..];
        let is_tail = |at: usize| rest.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
        let second = rest.first().copied().unwrap_or(0);
        let size = match first {
            0xC2..=0xDF if is_tail(0) => 2,
            0xE0 if second >= 0xA0 && is_tail(0) && is_tail(1) => 3,
            0xED if second < 0xA0 && is_tail(0) && is_tail(1) => 3,
            0xE1..=0xEC | 0xEE | 0xEF if is_tail(0) && is_tail(1) => 3,
            0xF0 if second >= 0x90 && is_tail(0) && is_tail(1) && is_tail(2) => 4,
            0xF1..=0xF3 if is_tail(0) && is_tail(1) && is_tail(2) => 4,
            0xF4 if second < 0x90 && is_tail(0) && is_tail(1) && is_tail(2) => 4,
            _ => return Err(Doubt),
        };
        self.at += size;
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Scanned<Kind> {
        self.elements(depth, |_| Ok(()))?;
        Ok(Kind::Array)
    }

    /// Walks the elements of the array that starts here.
    #[inline(always)]
    pub fn elements(&mut self, depth: usize, mut element: impl FnMut(Span) -> Scanned<()>) -> Scanned<()> {
        if depth >= MAX_DEPTH {
            return Err(Doubt);
        }
        self.at += 1;
        if self.skip_white() == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            let value = self.nested(depth + 1)?;
            element(value)?;
            match self.skip_white() {
                b',' => {
                    self.at += 1;
                    self.skip_white();
                }
                b']' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Doubt),
            }
        }
    }

    #[inline(never)]
    pub fn nested(&mut self, depth: usize) -> Scanned<Span> {
        self.value(depth)
    }

    fn object(&mut self, depth: usize) -> Scanned<Kind> {
        self.members(depth, |_, _, _| Ok(()))?;
        Ok(Kind::Object)
    }

    /// Reads the name of a member and the colon behind it.
    #[inline(always)]
    pub fn name(&mut self) -> Scanned<Span> {
        if self.peek() != b'"' {
            return Err(Doubt);
        }
        let name = self.string()?;
        if name.kind == Kind::Escaped && has_surrogate_escape(name.bytes(self.data)) {
            return Err(Doubt);
        }
        if name.end - name.start > MAX_NAME_BYTES as u32 || self.skip_white() != b':' {
            return Err(Doubt);
        }
        self.at += 1;
        Ok(name)
    }

    /// Walks the members of the object that starts here.
    #[inline(always)]
    pub fn members(
        &mut self,
        depth: usize,
        mut member: impl FnMut(&'a [u8], Span, Span) -> Scanned<()>,
    ) -> Scanned<()> {
        if depth >= MAX_DEPTH {
            return Err(Doubt);
        }
        self.at += 1;
        if self.skip_white() == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            let name = self.name()?;
            self.skip_white();
            // Texts are read in line; everything else may recurse.
            let value = if self.peek() == b'"' { self.string()? } else { self.nested(depth + 1)? };
            member(self.data, name, value)?;
            match self.skip_white() {
                b',' => {
                    self.at += 1;
                    self.skip_white();
                }
                b'}' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Doubt),
            }
        }
    }
}

fn has_surrogate_escape(text: &[u8]) -> bool {
    text.windows(3).any(|three| three[0] == b'\\' && three[1] == b'u' && three[2] | 0x20 == b'd')
}

/// Appends the text of an escaped string; an unpaired surrogate becomes a question mark.
pub fn unescape(text: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        if byte != b'\\' {
            out.push(byte);
            at += 1;
            continue;
        }
        let escape = text[at + 1];
        at += 2;
        match escape {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let mut code = unit(text, at);
                at += 4;
                if code & 0xFC00 == 0xD800 && text[at..].starts_with(b"\\u") && unit(text, at + 2) & 0xFC00 == 0xDC00 {
                    code = 0x10000 + ((code & 0x3FF) << 10 | unit(text, at + 2) & 0x3FF);
                    at += 6;
                }
                let char = char::from_u32(code).unwrap_or('?');
                out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => out.push(other),
        }
    }
}

fn unit(text: &[u8], at: usize) -> u32 {
    text[at..at + 4].iter().fold(0, |code, byte| code << 4 | (*byte as char).to_digit(16).unwrap_or(0))
}
