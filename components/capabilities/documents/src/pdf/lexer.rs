//! Tokens of PDF syntax (ISO 32000-2, section 7.2).

/// Longest name and longest keyword, in bytes; the rest is left out.
const NAME_MAX: usize = 127;
/// Longest string, in bytes; the rest is left out.
const STRING_MAX: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    /// Without its slash.
    Name(Vec<u8>),
    String(Vec<u8>),
    ArrayStart,
    ArrayEnd,
    DictStart,
    DictEnd,
    Keyword(Vec<u8>),
}

/// Reads tokens one after another. Never fails: what is no token is passed over.
#[derive(Clone)]
pub(super) struct Lexer<'a> {
    data: &'a [u8],
    /// The next byte.
    pub(super) at: usize,
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | 9 | 10 | 12 | 13 | 32)
}

fn is_delimiter(byte: u8) -> bool {
    matches!(
        byte,
        b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%'
    )
}

fn hex(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}

impl<'a> Lexer<'a> {
    pub(super) fn new(data: &'a [u8], at: usize) -> Self {
        Self { data, at }
    }

    fn peek(&self) -> Option<u8> {
        self.data.get(self.at).copied()
    }

    fn bump(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    pub(super) fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'%' {
                while self
                    .peek()
                    .is_some_and(|byte| byte != b'\n' && byte != b'\r')
                {
                    self.at += 1;
                }
            } else if is_space(byte) {
                self.at += 1;
            } else {
                break;
            }
        }
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        loop {
            self.skip_space();
            match self.bump()? {
                b'[' => return Some(Token::ArrayStart),
                b']' => return Some(Token::ArrayEnd),
                b'(' => return Some(Token::String(self.literal())),
                b'/' => return Some(Token::Name(self.name())),
                b'<' if self.peek() == Some(b'<') => {
                    self.at += 1;
                    return Some(Token::DictStart);
                }
                b'<' => return Some(Token::String(self.hexadecimal())),
                b'>' if self.peek() == Some(b'>') => {
                    self.at += 1;
                    return Some(Token::DictEnd);
                }
                b'>' | b')' | b'{' | b'}' => {}
                _ => {
                    self.at -= 1;
                    return Some(self.word());
                }
            }
        }
    }

    /// A number or a keyword.
    fn word(&mut self) -> Token {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|byte| !is_space(byte) && !is_delimiter(byte))
        {
            self.at += 1;
        }
        let word = self.data.get(start..self.at).unwrap_or_default();
        match number(word) {
            Some(number) => Token::Number(number),
            None => Token::Keyword(word.iter().take(NAME_MAX).copied().collect()),
        }
    }

    fn name(&mut self) -> Vec<u8> {
        let mut name = Vec::new();
        while let Some(byte) = self.peek() {
            if is_space(byte) || is_delimiter(byte) {
                break;
            }
            self.at += 1;
            let escaped = || {
                let high = hex(*self.data.get(self.at)?)?;
                let low = hex(*self.data.get(self.at + 1)?)?;
                Some(high << 4 | low)
            };
            let byte = match (byte, escaped()) {
                (b'#', Some(escaped)) => {
                    self.at += 2;
                    escaped
                }
                (byte, _) => byte,
            };
            if name.len() < NAME_MAX {
                name.push(byte);
            }
        }
        name
    }

    fn literal(&mut self) -> Vec<u8> {
        let mut string = Vec::new();
        let mut depth = 0_u32;
        while let Some(byte) = self.bump() {
            let byte = match byte {
                b'(' => {
                    depth += 1;
                    byte
                }
                b')' if depth == 0 => break,
                b')' => {
                    depth -= 1;
                    byte
                }
                b'\\' => match self.escape() {
                    Some(byte) => byte,
                    None => continue,
                },
                _ => byte,
            };
            if string.len() < STRING_MAX {
                string.push(byte);
            }
        }
        string
    }

    /// What follows a backslash; none for the end of a line.
    fn escape(&mut self) -> Option<u8> {
        let byte = self.bump()?;
        Some(match byte {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            b'\r' => {
                if self.peek() == Some(b'\n') {
                    self.at += 1;
                }
                return None;
            }
            b'\n' => return None,
            b'0'..=b'7' => {
                let mut code = u32::from(byte - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = self.peek() else {
                        break;
                    };
                    self.at += 1;
                    code = code * 8 + u32::from(digit - b'0');
                }
                u8::try_from(code & 0xff).unwrap_or_default()
            }
            other => other,
        })
    }

    fn hexadecimal(&mut self) -> Vec<u8> {
        let mut string = Vec::new();
        let mut high = None;
        while let Some(byte) = self.bump() {
            if byte == b'>' {
                break;
            }
            let Some(digit) = hex(byte) else { continue };
            match high.take() {
                None => high = Some(digit),
                Some(high) if string.len() < STRING_MAX => string.push(high << 4 | digit),
                Some(_) => {}
            }
        }
        string.extend(high.map(|high| high << 4));
        string
    }
}

fn number(word: &[u8]) -> Option<f64> {
    let is_number = word.len() <= 32
        && word
            .iter()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.'));
    if !is_number || !word.iter().any(u8::is_ascii_digit) {
        return None;
    }
    let text = std::str::from_utf8(word).ok()?;
    // Some writers put a sign twice, or one into the middle: the number ends there.
    let negative = text.starts_with('-');
    let digits = text.trim_start_matches(['+', '-']);
    let digits = digits.split(['+', '-']).next().unwrap_or_default();
    let value: f64 = digits.parse().ok()?;
    Some(if negative { -value } else { value })
}
