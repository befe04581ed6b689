//! Outgoing connections of `spin:postgres`, as Spin's `factor-outbound-pg`: a pool for each component
//! and address. A connection is returned to its pool without a reset. Before its next use it is reset as far as
//! PostgreSQL can do that outside of a transaction.

#![allow(
    clippy::result_large_err,
    reason = "the error type of the WIT interface, which is on no path that has to be fast"
)]

mod client;
pub(crate) mod connection;
mod parameters;
mod tls;
mod types;
mod values;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use tokio_postgres::config::{Config, Host, SslMode};
use tokio_postgres::tls::NoTls;

use crate::allowed_hosts::AllowedHosts;
use crate::bindings::spin::postgres::postgres::Error;

pub(crate) use connection::{Client, ConnectionBuilder};

/// Connections of one pool.
const POOL_SIZE: usize = 64;

/// Pools of one component. The one that was made first makes room.
const MAX_POOLS: usize = 16;

impl ConnectionBuilder {
    /// Trusts a certificate in PEM.
    pub(crate) fn set_root(&mut self, certificate: String) -> Result<(), Error> {
        tls::certificate(&certificate)
            .map_err(|error| Error::Other(format!("invalid root certificate: {error:#}")))?;
        self.root = Some(certificate);
        Ok(())
    }
}

/// The pools of a component.
#[derive(Default)]
pub(crate) struct Pools(Mutex<VecDeque<(Key, Pool)>>);

/// An address and the trusted certificate.
type Key = (String, Option<String>);

impl Pools {
    /// Takes a connection from the pool of this address, and makes one if all are in use. Waits if the
    /// pool is exhausted.
    pub(crate) async fn connect(
        &self,
        address: String,
        root: Option<String>,
    ) -> Result<Client, Error> {
        let failed = |error: anyhow::Error| Error::ConnectionFailed(format!("{error:#}"));
        let pool = self.pool((address, root)).map_err(failed)?;
        let connection = pool.get().await;
        let connection = connection.map_err(|error| failed(error.into()))?;
        Ok(Client::new(connection))
    }

    fn pool(&self, key: Key) -> Result<Pool> {
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pool)) = pools.iter().find(|(existing, _)| *existing == key) {
            return Ok(pool.clone());
        }
        let pool = create_pool(&key)?;
        if pools.len() >= MAX_POOLS {
            pools.pop_front();
        }
        pools.push_back((key, pool.clone()));
        Ok(pool)
    }
}

fn create_pool((address, root): &Key) -> Result<Pool> {
    let config: Config = address.parse()?;
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Clean,
    };
    let manager = if config.get_ssl_mode() == SslMode::Disable {
        Manager::from_config(config, NoTls, recycling)
    } else {
        let tls = tls::connector(root.as_deref())?;
        Manager::from_config(config, tls, recycling)
    };
    Pool::builder(manager)
        .max_size(POOL_SIZE)
        .build()
        .context("cannot create a pool of connections")
}

/// Checks every host of a connection string. A host without a port has the default port.
pub(crate) fn check_address(address: &str, allowed: &AllowedHosts) -> Result<(), Error> {
    let config: Config = address
        .parse()
        .map_err(|error: tokio_postgres::Error| Error::ConnectionFailed(error.to_string()))?;
    let ports = config.get_ports();
    let port = |index: usize| match ports {
        [port] => Some(*port),
        _ => ports.get(index).copied(),
    };
    let mut hosts = Vec::new();
    for (index, host) in config.get_hosts().iter().enumerate() {
        match host {
            Host::Tcp(name) => hosts.push((name.clone(), port(index))),
            Host::Unix(_) => {
                let message = "Unix sockets are not supported on WebAssembly";
                return Err(Error::ConnectionFailed(message.to_owned()));
            }
        }
    }
    // The address that is connected to in place of the host's, which Spin does not check.
    for (index, address) in config.get_hostaddrs().iter().enumerate() {
        let name = match address {
            std::net::IpAddr::V4(address) => address.to_string(),
            std::net::IpAddr::V6(address) => format!("[{address}]"),
        };
        hosts.push((name, port(index)));
    }
    for (host, port) in hosts {
        if !allowed.allows("postgres", &host, port) {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            let message = format!("address postgres://{host}{port} is not permitted");
            return Err(Error::ConnectionFailed(message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variables::Values;

    fn is_allowed(pattern: &str, address: &str) -> bool {
        let allowed = AllowedHosts::parse(&[pattern.to_owned()], &Values::new()).unwrap();
        match check_address(address, &allowed) {
            Ok(()) => true,
            Err(Error::ConnectionFailed(_)) => false,
            Err(error) => panic!("{error:?}"),
        }
    }

    #[test]
    fn check_address_compares_each_host_and_its_port() {
        let pattern = "postgres://db.example:5432";
        assert!(is_allowed(pattern, "postgres://user:secret@db.example/app"));
        assert!(is_allowed(pattern, "host=db.example user=user"));
        assert!(!is_allowed(pattern, "postgres://db.example:5433/app"));
        assert!(!is_allowed(pattern, "postgres://other.example/app"));
        assert!(!is_allowed(pattern, "host=db.example,other.example"));
        assert!(!is_allowed(
            pattern,
            "host=db.example,db.example port=5432,1"
        ));
        assert!(!is_allowed("https://*:*", "postgres://db.example/app"));
        assert!(is_allowed("*://*:*", "postgres://db.example:1/app"));
    }

    #[test]
    fn check_address_compares_the_address_that_is_connected_to() {
        let address = "host=db.example hostaddr=10.0.0.1";
        assert!(!is_allowed("postgres://db.example:5432", address));
        assert!(is_allowed("postgres://*:5432", address));
        assert!(!is_allowed(
            "postgres://db.example:5432",
            "host=db.example hostaddr=::1"
        ));
    }

    #[test]
    fn check_address_refuses_unix_sockets_and_malformed_strings() {
        assert!(!is_allowed("*://*:*", "host=/var/run/postgresql"));
        assert!(!is_allowed("*://*:*", "postgres://a:b:c"));
    }

    #[test]
    fn set_root_with_malformed_pem_is_an_error() {
        let mut builder = ConnectionBuilder {
            address: String::new(),
            root: None,
        };
        let error = builder.set_root("no certificate".to_owned()).unwrap_err();
        assert!(matches!(error, Error::Other(_)), "{error:?}");
    }
}
