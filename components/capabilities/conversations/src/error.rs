/// Why something could not be done; the contract's `error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Error {
    NotFound,
    Invalid(String),
    Conflict(String),
    Unavailable(String),
}

impl From<journal::Error> for Error {
    fn from(error: journal::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}
