//! The permissions of a component.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};

use crate::allowed_hosts::AllowedHosts;
use crate::http_client::Client;
use crate::key_value::KeyValue;
use crate::logs::Sink;
use crate::manifest::Component;
use crate::postgres::Pools;
use crate::variables::{self, Values};

/// The grants of a component in `spin.toml`, with the values of variables.
pub(crate) struct Grants {
    pub(crate) variables: Values,
    pub(crate) environment: Values,
    pub(crate) allowed_hosts: AllowedHosts,
    pub(crate) key_value_stores: BTreeSet<String>,
    pub(crate) key_value: Arc<KeyValue>,
    pub(crate) sqlite_databases: BTreeSet<String>,
    /// The file of the database `default`, which is the only one.
    pub(crate) sqlite_file: PathBuf,
    /// Connections to PostgreSQL. As in Spin, each component has its own.
    pub(crate) postgres: Arc<Pools>,
    pub(crate) client: Client,
    pub(crate) logs: Sink,
}

/// The parts that all components of a host share.
#[derive(Clone)]
pub(crate) struct Storage {
    pub(crate) key_value: Arc<KeyValue>,
    pub(crate) sqlite_file: PathBuf,
}

impl Grants {
    pub(crate) fn new(
        component: &Component,
        values: &Values,
        storage: Storage,
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
            key_value: storage.key_value,
            sqlite_databases: component.sqlite_databases.clone(),
            sqlite_file: storage.sqlite_file,
            postgres: Arc::default(),
            client,
            logs,
        })
    }
}
