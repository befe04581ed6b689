//! The embedded host: runs the application of a `spin.toml` without Spin, for the tests and for a
//! first run where `spin` is not installed. `README.md` says what it emulates.
//!
//! Architecture invariant: this host has no feature that Spin lacks, so that what works here works on
//! Spin.

pub mod allowed_hosts;

mod bindings;
pub mod build;
pub mod compose;
pub mod deny;
mod engine;
mod grants;
mod guest;
mod http_client;
mod instances;
mod interfaces;
#[expect(
    unreachable_pub,
    reason = "generated code re-exports the types of resources"
)]
mod key_value;
mod logs;
pub mod manifest;
mod outbound;
#[expect(
    unreachable_pub,
    reason = "generated code re-exports the types of resources"
)]
mod postgres;
pub mod proxy;
mod request_headers;
pub mod router;
mod rows;
mod runtime_config;
mod server;
#[expect(
    unreachable_pub,
    reason = "generated code re-exports the types of resources"
)]
mod sqlite;
#[cfg(test)]
mod testing;
pub mod variables;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::grants::{Grants, Storage};
use crate::instances::{Handler, Pool};
use crate::key_value::KeyValue;
use crate::logs::Sink;
use crate::manifest::Manifest;
use crate::router::Router;
use crate::runtime_config::{KeyValueConfig, RuntimeConfig};
use crate::server::Server;

pub use crate::key_value::KvCounts;
pub use crate::logs::Logs;

/// Options of [`Host::start`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The path of `spin.toml`.
    pub manifest: PathBuf,
    /// The directory of the key-value store and of the SQL database. It is created if it does not exist.
    pub state_dir: PathBuf,
    /// The runtime configuration file, if any.
    pub runtime_config: Option<PathBuf>,
    /// The address to listen on; port 0 selects a free port.
    pub listen: SocketAddr,
    /// Values of variables, which override all other sources.
    pub variables: Vec<(String, String)>,
    /// Whether `SPIN_VARIABLE_*` and the `.env` file beside the manifest are read.
    pub env_variables: bool,
    /// The destination of the log.
    pub logs: Logs,
    /// How long running requests and their background work have to finish at shutdown.
    pub grace: Duration,
    /// The proxy that all requests come through, if any.
    pub behind: Option<BehindProxy>,
}

/// The part that a host and the proxy in front of it share.
#[derive(Clone, Debug)]
pub struct BehindProxy {
    /// With this secret the proxy says which address a request has come from.
    pub peer_secret: String,
    /// Values of variables that are empty otherwise. Those that the application lacks are ignored.
    pub variables: Vec<(String, String)>,
}

/// A running application. Dropping it ends all requests at once.
pub struct Host {
    address: SocketAddr,
    routes: Vec<(String, String)>,
    key_value: Arc<KeyValue>,
    pool: Arc<Pool>,
    logs: Sink,
    grace: Duration,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl Host {
    /// Composes and compiles the components, opens the store and starts to serve.
    ///
    /// # Errors
    /// If the manifest, a variable, a component or the address is invalid; the message says which.
    pub async fn start(options: Options) -> Result<Self> {
        let manifest = Manifest::read(&options.manifest)?;
        let sources =
            variables::Sources::new(&options.variables, options.env_variables, &manifest.root)?;
        let mut values = variables::resolve(&manifest, &sources)?;
        let (peer_secret, proxy_variables) = match options.behind {
            Some(behind) => (Some(behind.peer_secret), behind.variables),
            None => (None, Vec::new()),
        };
        for (name, value) in proxy_variables {
            if let Some(empty) = values.get_mut(&name).filter(|value| value.is_empty()) {
                *empty = value;
            }
        }
        // Bound before compiling, so that an address in use is reported at once.
        let listener = server::bind(options.listen).await?;
        let address = listener.local_addr()?;

        let state = &options.state_dir;
        std::fs::create_dir_all(state)
            .with_context(|| format!("cannot make the state directory {}", state.display()))?;
        let config = RuntimeConfig::read(options.runtime_config.as_deref(), state)?;
        let key_value = match config.key_value {
            KeyValueConfig::Sqlite(path) => KeyValue::sqlite(&path)?,
            KeyValueConfig::Redis(url) => KeyValue::redis(&url)?,
        };
        let storage = Storage {
            key_value: key_value.clone(),
            sqlite_file: config.sqlite_file,
        };
        let logs = Sink::new(options.logs);
        let client = http_client::Client::new()?;
        let pool = Pool::new();

        let mut grants = HashMap::new();
        for (id, component) in &manifest.components {
            let granted = Grants::new(
                component,
                &values,
                storage.clone(),
                client.clone(),
                logs.clone(),
            )
            .with_context(|| format!("component {id:?}"))?;
            grants.insert(id.as_str(), Arc::new(granted));
        }
        let services = compile(&manifest).await?;
        // Routes to the same component share instances.
        let mut handlers = HashMap::new();
        let mut routes = Vec::new();
        for (trigger, service) in manifest.triggers.iter().zip(services) {
            let (Some(route), Some(grants)) =
                (&trigger.route, grants.get(trigger.component.as_str()))
            else {
                continue;
            };
            let handler = handlers
                .entry((&trigger.component, &trigger.middleware))
                .or_insert_with(|| {
                    let (grants, pool) = (grants.clone(), pool.clone());
                    Arc::new(Handler::new(&trigger.component, service, grants, pool))
                });
            routes.push((route.clone(), handler.clone()));
        }
        let router = Router::new(routes)?;
        let table = router
            .iter()
            .map(|(route, handler)| (route.to_owned(), handler.component.clone()))
            .collect();
        let (stop, stopped) = watch::channel(false);
        let server = Arc::new(Server {
            router,
            logs: logs.clone(),
            peer_secret,
        });
        Ok(Self {
            address,
            routes: table,
            key_value,
            pool,
            logs,
            grace: options.grace,
            stop,
            server: tokio::spawn(server.serve(listener, stopped)),
        })
    }

    /// The address that the host listens on, with the actual port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Route patterns with their components, in the order of precedence.
    pub fn routes(&self) -> &[(String, String)] {
        &self.routes
    }

    /// Counts of operations of the key-value store since the start.
    pub fn kv_counts(&self) -> KvCounts {
        self.key_value.counts()
    }

    /// Stops accepting connections and waits until requests and their background work are done, at
    /// most for the grace period. Then ends the remaining ones.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let done = async {
            let _ = (&mut self.server).await;
            self.pool.idle().await;
        };
        if tokio::time::timeout(self.grace, done).await.is_err() {
            self.logs
                .line("the grace period is over; running requests are ended");
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.server.abort();
        self.pool.kill();
    }
}

/// Compiles the components of a manifest into the cache.
///
/// # Errors
/// If the manifest cannot be read or a component is invalid.
pub async fn compile_into_cache(manifest: &Path) -> Result<()> {
    compile(&Manifest::read(manifest)?).await.map(drop)
}

/// Whether the cache has all compiled components of a manifest.
///
/// # Errors
/// If the manifest or a component cannot be read.
pub fn is_cached(manifest: &Path) -> Result<bool> {
    let manifest = Manifest::read(manifest)?;
    let cache = cache(&manifest);
    for trigger in &manifest.triggers {
        if !engine::is_compiled(&compose::Parts::read(&manifest, trigger)?, &cache) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The cache directory. It does not depend on the state directory, so that all runs share it.
fn cache(manifest: &Manifest) -> PathBuf {
    manifest.root.join(".spin/cache")
}

/// Compiles the component of every trigger, in the order of the triggers.
async fn compile(manifest: &Manifest) -> Result<Vec<engine::Service>> {
    let cache: Arc<Path> = cache(manifest).into();
    let manifest = Arc::new(manifest.clone());
    let mut tasks = JoinSet::new();
    for index in 0..manifest.triggers.len() {
        let (manifest, cache) = (manifest.clone(), cache.clone());
        tasks.spawn_blocking(move || -> Result<_> {
            let trigger = manifest.triggers.get(index).context("no such trigger")?;
            let parts = compose::Parts::read(&manifest, trigger)?;
            let service = engine::compile(parts, &cache)
                .with_context(|| format!("component {:?}", trigger.component))?;
            Ok((index, service))
        });
    }
    let mut services = Vec::new();
    while let Some(service) = tasks.join_next().await {
        services.push(service??);
    }
    services.sort_by_key(|(index, _)| *index);
    Ok(services.into_iter().map(|(_, service)| service).collect())
}
