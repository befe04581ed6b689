/// Why a file is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Its media type, by content or as declared, is not one that the purpose takes. A predicate of which
    /// the file is the subject.
    UnsupportedType(String),
    /// It is larger than this many bytes.
    TooLarge(u64),
    /// It is not what its first bytes say, or too many pixels. A predicate of which the file is the subject.
    Invalid(String),
}
