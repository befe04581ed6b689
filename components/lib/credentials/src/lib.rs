//! What our own credentials look like: tokens, API keys, and the marks of what was revoked.
