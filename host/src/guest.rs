//! The host state of one instance of a composed component.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::grants::Grants;
use crate::logs::GuestLog;
use crate::outbound::Hooks;

/// The data of a `wasmtime` store.
pub(crate) struct Guest {
    pub(crate) grants: Arc<Grants>,
    pub(crate) table: ResourceTable,
    /// How many resources of `spin:sqlite` and of `spin:postgres` are in the table.
    pub(crate) sqlite_connections: usize,
    pub(crate) postgres_connections: usize,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
}

impl Guest {
    pub(crate) fn new(grants: Arc<Grants>) -> Self {
        let mut wasi = WasiCtx::builder();
        wasi.stdout(GuestLog::new(grants.logs.clone()))
            .stderr(GuestLog::new(grants.logs.clone()))
            // Components may only use `wasi:http`, whose requests are checked against
            // `allowed_outbound_hosts`.
            .allow_tcp(false)
            .allow_udp(false);
        for (name, value) in &grants.environment {
            wasi.env(name, value);
        }
        Self {
            table: ResourceTable::new(),
            sqlite_connections: 0,
            postgres_connections: 0,
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            hooks: Hooks::new(grants.clone()),
            grants,
        }
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}
