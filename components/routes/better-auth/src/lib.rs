//! `/api/auth`: the routes and shapes that the Better Auth client calls.
