//! Which of the host's models may be asked. They must stand in `ai_models` of spin.toml too.

use crate::values::Values;

pub(crate) const VARIABLES: [&str; 1] = ["spin_ai_models"];

/// The models, as the operator named them; none when Spin's AI is off.
pub(crate) fn models(values: &Values) -> Vec<String> {
    values.list("spin_ai_models")
}
