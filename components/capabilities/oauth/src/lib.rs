//! Asking GitHub and Google who somebody is. Exports `goldfish:oauth`.
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
        world: "oauth",
        path: "../../../wit/oauth",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        pub_export_macro: true,
        generate_all,
    });
}
