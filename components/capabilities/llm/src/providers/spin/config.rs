//! The models of the host that may be used. They must be in `ai_models` of spin.toml too.

use crate::variables::Variables;

pub(crate) const VARIABLES: [&str; 1] = ["spin_ai_models"];

/// The models, as the operator named them; none when Spin's AI is off.
pub(crate) fn models(variables: &Variables) -> Vec<String> {
    variables.list("spin_ai_models")
}
