//! A local Redis server.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

use super::{ChangedManifest, Folder, eventually};

/// Whether every application that a test does not give another store keeps it in Redis (`GOLDFISH_STORE=redis`).
pub(crate) fn redis_is_the_store() -> bool {
    match std::env::var("GOLDFISH_STORE").as_deref() {
        Ok("redis") => true,
        Ok("" | "sqlite") | Err(_) => false,
        Ok(other) => panic!("GOLDFISH_STORE is `redis` or `sqlite`, not {other:?}"),
    }
}

/// The most databases of the server that many applications share, each of which has one.
const DATABASES: u32 = 10_000;

/// One server for all applications of this process. A static is not dropped, so the server ends with its pipe.
pub(super) async fn shared() -> &'static Redis {
    static SHARED: OnceCell<Redis> = OnceCell::const_new();
    SHARED
        .get_or_init(|| async {
            let redis = Redis::start().await.expect("GOLDFISH_STORE=redis");
            end_with_this_process(redis.server.id().unwrap());
            redis
        })
        .await
}

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
            .args(["--databases", &DATABASES.to_string()])
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
        write_runtime_config(&path, &self.url());
        path
    }

    /// The URL of the database of an application, and a runtime configuration in its state folder that keeps the store
    /// there. Applications that share a state folder share the database.
    pub(super) fn database_of(&self, state: &Path) -> (String, PathBuf) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (number, path) = (state.join("redis-database"), state.join("redis.toml"));
        let url = match std::fs::read_to_string(&number) {
            Ok(url) => url,
            Err(_) => {
                let next = NEXT.fetch_add(1, Ordering::Relaxed);
                assert!(next < DATABASES, "there are no more databases");
                let url = format!("{}/{next}", self.url());
                std::fs::write(&number, &url).unwrap();
                url
            }
        };
        write_runtime_config(&path, &url);
        (url, path)
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

fn write_runtime_config(path: &Path, url: &str) {
    let text = format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{url}\"\n");
    std::fs::write(path, text).unwrap();
}

/// Kills a process when this one ends, in whatever way.
fn end_with_this_process(id: u32) {
    let script = format!("cat > /dev/null; kill {id} 2> /dev/null");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The pipe closes with this process.
    std::mem::forget(child.stdin.take());
}
