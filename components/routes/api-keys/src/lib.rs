//! `/api-keys`: makes, lists and revokes API keys.
