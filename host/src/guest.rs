//! The host state of one instance of a composed component, and the small interfaces: variables,
//! configuration and serverless AI.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use wasmtime::component::{Accessor, HasData, Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::allowed_hosts::AllowedHosts;
use crate::bindings::{fermyon, spin, wasi};
use crate::key_value::Database;
use crate::logs::{GuestLog, Sink};
use crate::manifest::Component;
use crate::outbound::{Client, Hooks};
use crate::variables::{self, Values};

/// What `spin.toml` grants a component, with the values of variables.
pub(crate) struct Grants {
    pub(crate) variables: Values,
    pub(crate) environment: Values,
    pub(crate) allowed_hosts: AllowedHosts,
    pub(crate) key_value_stores: BTreeSet<String>,
    pub(crate) database: Arc<Database>,
    pub(crate) client: Client,
    pub(crate) logs: Sink,
}

impl Grants {
    pub(crate) fn new(
        component: &Component,
        values: &Values,
        database: Arc<Database>,
        client: Client,
        logs: Sink,
    ) -> Result<Self> {
        let render = |map: &Values| -> Result<Values> {
            map.iter()
                .map(|(name, template)| {
                    let value = variables::render(template, values)
                        .with_context(|| format!("variable {name:?}"))?;
                    Ok((name.clone(), value))
                })
                .collect()
        };
        Ok(Self {
            variables: render(&component.variables)?,
            environment: component.environment.clone(),
            allowed_hosts: AllowedHosts::parse(&component.allowed_outbound_hosts, values)?,
            key_value_stores: component.key_value_stores.clone(),
            database,
            client,
            logs,
        })
    }
}

/// The data of a `wasmtime` store.
pub(crate) struct Guest {
    pub(crate) grants: Arc<Grants>,
    pub(crate) table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
}

/// Tells the generated code how to reach [`Guest`] in a store.
pub(crate) struct Platform;

impl HasData for Platform {
    type Data<'a> = &'a mut Guest;
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

/// Links all interfaces that the host implements.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)?;
    spin::key_value::key_value::add_to_linker::<_, Platform>(linker, |guest| guest)?;
    spin::variables::variables::add_to_linker::<_, Platform>(linker, |guest| guest)?;
    wasi::keyvalue::store::add_to_linker::<_, Platform>(linker, |guest| guest)?;
    wasi::keyvalue::atomics::add_to_linker::<_, Platform>(linker, |guest| guest)?;
    wasi::keyvalue::batch::add_to_linker::<_, Platform>(linker, |guest| guest)?;
    wasi::config::store::add_to_linker::<_, Platform>(linker, |guest| guest)?;
    fermyon::spin::llm::add_to_linker::<_, Platform>(linker, |guest| guest)?;
    Ok(())
}

use spin::variables::variables::Error as VariableError;

impl spin::variables::variables::Host for Guest {}

impl spin::variables::variables::HostWithStore<Guest> for Platform {
    async fn get(
        accessor: &Accessor<Guest, Self>,
        name: String,
    ) -> wasmtime::Result<Result<String, VariableError>> {
        accessor.with(|mut access| {
            let value = access.get().grants.variables.get(&name).cloned();
            Ok(value.ok_or_else(|| {
                let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                if name.chars().all(valid) {
                    VariableError::Undefined(format!("variable {name:?} is not defined"))
                } else {
                    VariableError::InvalidName(format!("{name:?} is not a variable name"))
                }
            }))
        })
    }
}

use wasi::config::store::Error as ConfigError;

impl wasi::config::store::Host for Guest {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, ConfigError>> {
        Ok(Ok(self.grants.variables.get(&key).cloned()))
    }

    fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, ConfigError>> {
        Ok(Ok(self.grants.variables.clone().into_iter().collect()))
    }
}

use fermyon::spin::llm;

/// Serverless AI: linked so that components that import it can start; this host has no models.
impl llm::Host for Guest {
    fn infer(
        &mut self,
        _model: String,
        _prompt: String,
        _parameters: Option<llm::InferencingParams>,
    ) -> wasmtime::Result<Result<llm::InferencingResult, llm::Error>> {
        Ok(Err(llm::Error::ModelNotSupported))
    }

    fn generate_embeddings(
        &mut self,
        _model: String,
        _text: Vec<String>,
    ) -> wasmtime::Result<Result<llm::EmbeddingsResult, llm::Error>> {
        Ok(Err(llm::Error::ModelNotSupported))
    }
}
