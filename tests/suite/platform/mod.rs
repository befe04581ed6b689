//! The behaviour of the host for `spin.toml`, and the grants of the manifest.

mod grants;
mod headers;
mod host;
mod middleware;
mod probes;
mod proxy;
mod reach;
mod redis;
mod sql;
