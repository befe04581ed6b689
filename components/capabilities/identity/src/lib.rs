//! Who is asking: guests with tokens that we sign ourselves, and WorkOS users with the session
//! cookie that a frontend sealed. Exports `goldfish:identity`.
//!
//! | module | |
//! |---|---|
//! | `algorithms` | the two signature algorithms there are |
//! | `keys` | the signing keys, derived from one master secret |
//! | `secret` | making that secret at random, once for all instances |
//! | `tokens` | our own access and refresh tokens |
//! | `sessions` | guests, and renewing a session |
//! | `seal` | the iron seal of a WorkOS cookie |
//! | `jwks` | WorkOS' public keys, cached and rotated |
//! | `workos` | from a WorkOS cookie to a user |
//! | `component` | the store, the variables, the network and the clock around all that |
//!
//! Everything but `component` is free of effects and takes the time as an argument.

#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the effect-free part is built, for its unit tests"
    )
)]

mod algorithms;
mod jwks;
mod keys;
mod seal;
mod secret;
mod sessions;
mod tokens;
mod workos;

#[cfg(target_family = "wasm")]
mod component;

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    dead_code,
    clippy::all,
    clippy::restriction,
    reason = "generated"
)]
mod bindings {
    wit_bindgen::generate!({
        world: "identity",
        path: "../../../wit/identity",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        additional_derives: [PartialEq],
        pub_export_macro: true,
        generate_all,
    });
}

use bindings::exports::goldfish::identity::types;

/// Longest credential that is looked at, in bytes: four times what our own tokens need, and above
/// the 4,096 that browsers keep of one cookie (RFC 6265, section 6.1).
const MAX_CREDENTIAL_BYTES: usize = 8 * 1024;

/// Whether `id` may be a user's id (see `user.id` in the contract), and so part of a storage key.
fn is_user_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}
