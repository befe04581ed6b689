//! A local PostgreSQL server, which all tests of the process share, and databases in it.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use servers::PostgresServer;
use tokio::sync::OnceCell;

use super::ChangedManifest;
use super::app::RUNTIME;

/// A new database. It is left behind; the server's files go with the server.
pub(crate) struct Postgres {
    server: &'static PostgresServer,
    name: String,
    /// Names the components that keep their tables in PostgreSQL.
    manifest: ChangedManifest,
}

impl Postgres {
    /// Creates a database, in a server that the first call starts. The error says that PostgreSQL is
    /// not installed.
    pub(crate) async fn new() -> Result<Self, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = server().await?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        server.create_database(&name).await;
        Ok(Self {
            server,
            name,
            manifest: ChangedManifest::with_postgres(),
        })
    }

    /// The URL with user and database.
    pub(crate) fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// The URL for TLS, which needs the server's certificate.
    pub(crate) fn tls_url(&self) -> String {
        self.server.tls_url(&self.name)
    }

    /// The pattern of the host in `allowed_outbound_hosts`.
    pub(crate) fn host(&self) -> String {
        self.server.host()
    }

    /// A manifest whose components keep their tables in PostgreSQL.
    pub(crate) fn manifest(&self) -> &Path {
        self.manifest.path()
    }

    /// The certificate of the server in PEM.
    pub(crate) async fn certificate() -> String {
        server().await.unwrap().certificate().to_owned()
    }
}

/// The server of this process. Statics are never dropped, so it ends with the process.
async fn server() -> Result<&'static PostgresServer, String> {
    static SERVER: OnceCell<PostgresServer> = OnceCell::const_new();
    // A test's runtime ends with the test.
    let start = || async { RUNTIME.spawn(PostgresServer::start()).await.unwrap() };
    SERVER.get_or_try_init(start).await
}
