//! The interfaces of Spin and of WASI proposals that the host implements, beside WASI itself.

mod key_value;
mod llm;
mod postgres;
mod redis;
mod sqlite;
mod variables;
mod wasi_keyvalue;

use wasmtime::component::{HasData, Linker};

use crate::bindings::{fermyon, spin, wasi};
use crate::guest::Guest;

/// Tells the generated code how to reach [`Guest`] in a store.
struct Platform;

impl HasData for Platform {
    type Data<'a> = &'a mut Guest;
}

/// Links all interfaces that the host implements, and WASI.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)?;
    spin::key_value::key_value::add_to_linker::<_, Platform>(linker, |guest| guest)?;
    spin::postgres::postgres::add_to_linker::<_, Platform>(linker, |guest| guest)?;
    spin::redis::redis::add_to_linker::<_, Platform>(linker, |guest| guest)?;
    spin::sqlite::sqlite::add_to_linker::<_, Platform>(linker, |guest| guest)?;
    spin::variables::variables::add_to_linker::<_, Platform>(linker, |guest| guest)?;
    wasi::keyvalue::store::add_to_linker::<_, Platform>(linker, |guest| guest)?;
    wasi::keyvalue::atomics::add_to_linker::<_, Platform>(linker, |guest| guest)?;
    wasi::keyvalue::batch::add_to_linker::<_, Platform>(linker, |guest| guest)?;
    wasi::config::store::add_to_linker::<_, Platform>(linker, |guest| guest)?;
    fermyon::spin::llm::add_to_linker::<_, Platform>(linker, |guest| guest)?;
    Ok(())
}
