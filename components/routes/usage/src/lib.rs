//! `/api/usage` and `/api/credits`: what the user has spent.
