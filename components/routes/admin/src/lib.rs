//! `/api/admin`: what the operator may see and do.
