//! What the host does with `spin.toml`, and what the manifest grants.

mod grants;
mod headers;
mod host;
mod middleware;
mod probes;
mod proxy;
mod reach;
mod redis;
mod sql;
