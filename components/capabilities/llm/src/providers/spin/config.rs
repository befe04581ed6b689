//! Which of the host's models may be asked. They must stand in `ai_models` of spin.toml too.

use crate::variables::Variables;

pub(crate) const VARIABLES: [&str; 1] = ["spin_ai_models"];

/// The models, as the operator named them; none when Spin's AI is off.
pub(crate) fn models(variables: &Variables) -> Vec<String> {
    variables.list("spin_ai_models")
}
