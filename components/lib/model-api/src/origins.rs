//! Where in the client's request the messages of a prompt come from.

use http_edge::ApiError;

/// The path of each message, in the order of the prompt.
#[derive(Debug, Default)]
pub struct Origins(pub Vec<String>);

impl Origins {
    /// The error with the paths of the client's request in place of those of the prompt. What is below
    /// a message is left out: its parts may be others.
    pub fn of_error(&self, mut error: ApiError) -> ApiError {
        match &mut error {
            ApiError::Validation(details) => {
                details
                    .iter_mut()
                    .for_each(|detail| self.set(&mut detail.path));
            }
            ApiError::ProviderRefused(refusal) => {
                if let Some(detail) = &mut refusal.detail {
                    let before = detail.path.clone();
                    self.set(&mut detail.path);
                    refusal.sentence = refusal.sentence.replacen(&before, &detail.path, 1);
                }
            }
            _ => {}
        }
        error
    }

    fn set(&self, path: &mut String) {
        let index = path
            .strip_prefix("messages[")
            .and_then(|rest| rest.split(']').next())
            .and_then(|index| index.parse::<usize>().ok());
        if let Some(origin) = index.and_then(|index| self.0.get(index)) {
            path.clone_from(origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_error_names_what_the_client_wrote() {
        let origins = Origins(vec!["instructions".into(), "input[0]".into()]);
        let of = |path: &str| origins.of_error(ApiError::invalid(path, "is wrong"));
        assert_eq!(
            of("messages[1].content[0].type"),
            ApiError::invalid("input[0]", "is wrong")
        );
        assert_eq!(
            of("messages[7]"),
            ApiError::invalid("messages[7]", "is wrong")
        );
        assert_eq!(of("seed"), ApiError::invalid("seed", "is wrong"));
    }
}
