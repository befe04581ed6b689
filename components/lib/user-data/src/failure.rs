//! Why user data could not be reached.

/// A storage that failed, with the cause for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The name of the contract.
    pub capability: &'static str,
    /// For the log.
    pub cause: String,
}

impl Failure {
    /// Makes failures of one capability out of causes.
    pub(crate) fn of(capability: &'static str) -> impl Fn(String) -> Self {
        move |cause| Self { capability, cause }
    }

    /// A sentence for the log.
    pub fn message(&self) -> String {
        format!("{}: {}", self.capability, self.cause)
    }
}
