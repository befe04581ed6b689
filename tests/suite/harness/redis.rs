//! A local Redis server.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::{Child, Command};

use super::{ChangedManifest, Folder, eventually};

/// A `redis-server` on a free port without persistence. It ends when dropped.
pub(crate) struct Redis {
    server: Child,
    port: u16,
    folder: Folder,
    /// Grants the storage capabilities this server.
    manifest: ChangedManifest,
}

impl Redis {
    /// Starts the server. The error says that it is not installed.
    pub(crate) async fn start() -> Result<Self, String> {
        let port = {
            let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            socket.local_addr().unwrap().port()
        };
        let folder = Folder::new();
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let server = match command.spawn() {
            Ok(server) => server,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err("redis-server is not installed".to_owned());
            }
            Err(error) => panic!("redis-server: {error}"),
        };
        eventually("a connection to redis-server", || async move {
            tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .ok()
        })
        .await;
        Ok(Self {
            server,
            port,
            folder,
            manifest: ChangedManifest::with_redis_counters(),
        })
    }

    /// Its URL, which is also the pattern of its host.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A manifest whose storage capabilities may connect to this server.
    pub(crate) fn manifest(&self) -> &Path {
        self.manifest.path()
    }

    /// A runtime configuration that keeps the store in this server.
    pub(crate) fn runtime_config(&self) -> PathBuf {
        let path = self.folder.path().join("runtime-config.toml");
        let url = self.url();
        let text = format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{url}\"\n");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Stops (`STOP`) or continues (`CONT`) the server's process.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.server.id().expect("redis-server runs").to_string();
        let status = Command::new("kill")
            .args([format!("-{name}"), id])
            .status()
            .await
            .unwrap();
        assert!(status.success());
    }
}
