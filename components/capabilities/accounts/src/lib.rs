//! Accounts, their sessions and their API keys. Exports `goldfish:accounts`.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

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
        world: "accounts",
        path: "../../../wit/accounts",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        pub_export_macro: true,
        generate_all,
    });
}
