//! The common part of the components that implement `goldfish:files`: the contract's exports on top of any
//! [`Store`], with the rules of `file-rules`.
//!
//! May import the exports of `wit/files`, variables and the clock, but no storage and no network.
//!
//! A component implements [`Store`] and calls [`export!`].
//!
//! | module | |
//! |---|---|
//! | `store` | what a component implements |
//! | `receiving` | an upload: from the stream of the caller into the store |
//! | `sending` | a download: from the store into a stream for the caller |
//! | `component` | the exports |
//! | `conversions` | types of the contract and of `file-rules` |

mod conversions;
mod store;

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
mod receiving;
#[cfg(target_family = "wasm")]
mod sending;

#[cfg(target_family = "wasm")]
pub use component::Exports;
pub use conversions::{from_wit, to_wit};
pub use store::{Error, File, NewFile, Page, Reader, Store, Writer};

/// The bindings of the world `files-store` of `wit/files`.
#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    dead_code,
    clippy::all,
    clippy::restriction,
    reason = "generated"
)]
pub mod bindings {
    wit_bindgen::generate!({
        world: "files-store",
        path: "../../../wit/files",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        pub_export_macro: true,
        default_bindings_module: "file_store::bindings",
        additional_derives: [PartialEq],
        generate_all,
    });
}

/// Exports a type that implements [`Store`] as a component behind `goldfish:files`.
#[macro_export]
macro_rules! export {
    ($store:ty) => {
        #[allow(unsafe_code, unreachable_pub, clippy::all, reason = "generated")]
        mod exported_files {
            use super::*;
            type Component = $crate::Exports<$store>;
            $crate::bindings::export!(Component with_types_in $crate::bindings);
        }
    };
}
