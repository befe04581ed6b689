//! Characters of fonts with codes of one byte (ISO 32000-2, annex D), and of the names of glyphs.

/// Names of glyphs and their characters, of Adobe's list: Latin, Greek, Cyrillic, punctuation.
const GLYPH_NAMES: &str = include_str!("glyph_names.txt");

/// Characters 128 to 159 of `WinAnsiEncoding`; the others are those of Latin-1.
const WIN_ANSI: &str = "€•‚ƒ„…†‡ˆ‰Š‹Œ•Ž••‘’“”•–—˜™š›œ•žŸ";

/// Characters 128 to 255 of `MacRomanEncoding`.
const MAC_ROMAN: &str = "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø\
    ¿¡¬√ƒ≈∆«»… ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ ÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ";

/// Characters of `StandardEncoding` that differ from ASCII.
const STANDARD: &[(u8, &str)] = &[
    (0x27, "’"),
    (0x60, "‘"),
    (0xa1, "¡¢£⁄¥ƒ§¤'“«‹›ﬁﬂ"),
    (0xb1, "–†‡·"),
    (0xb6, "¶•‚„”»…‰"),
    (0xbf, "¿"),
    (0xc1, "`´ˆ˜¯˘˙¨"),
    (0xca, "˚¸"),
    (0xcd, "˝˛ˇ—"),
    (0xe1, "Æ"),
    (0xe3, "ª"),
    (0xe8, "ŁØŒº"),
    (0xf1, "æ"),
    (0xf5, "ı"),
    (0xf8, "łøœß"),
];

/// A table of characters for codes of one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Standard,
    WinAnsi,
    MacRoman,
}

impl Encoding {
    pub(super) fn of_name(name: Option<&[u8]>) -> Option<Self> {
        match name? {
            b"WinAnsiEncoding" => Some(Self::WinAnsi),
            b"MacRomanEncoding" => Some(Self::MacRoman),
            b"StandardEncoding" => Some(Self::Standard),
            _ => None,
        }
    }

    /// The character of a code.
    pub(super) fn get(self, code: u8) -> Option<char> {
        let in_table = |table: &str, first: u8| {
            let at = code.checked_sub(first)?;
            table.chars().nth(usize::from(at))
        };
        if code < 32 {
            return None;
        }
        match self {
            Self::WinAnsi if !(128..160).contains(&code) => Some(char::from(code)),
            Self::WinAnsi => in_table(WIN_ANSI, 128),
            Self::MacRoman if code < 128 => Some(char::from(code)),
            Self::MacRoman => in_table(MAC_ROMAN, 128),
            Self::Standard => {
                let special = STANDARD
                    .iter()
                    .find_map(|(first, table)| in_table(table, *first));
                special.or_else(|| (code < 127).then(|| char::from(code)))
            }
        }
    }
}

/// The characters of a glyph's name: `eacute`, `f_i`, `uni20AC`, `u1F41F`, `one.oldstyle`.
pub(super) fn of_glyph_name(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let name = name.split('.').next()?;
    let text: String = name.split('_').filter_map(of_component).collect();
    (!text.is_empty()).then_some(text)
}

fn of_component(name: &str) -> Option<char> {
    let mut letters = name.chars();
    if let (Some(only), None) = (letters.next(), letters.next())
        && only.is_ascii_alphabetic()
    {
        return Some(only);
    }
    let listed = GLYPH_NAMES.lines().find_map(|line| {
        let code = line.strip_prefix(name)?.strip_prefix(' ')?;
        u32::from_str_radix(code, 16).ok()
    });
    let coded = || {
        let digits = name
            .strip_prefix("uni")
            .or_else(|| name.strip_prefix('u'))?;
        let is_code = (4..=6).contains(&digits.len());
        u32::from_str_radix(digits, 16).ok().filter(|_| is_code)
    };
    char::from_u32(listed.or_else(coded)?)
}
