//! GRIP proxies, which hold WebSockets and streams for an application: the local one of this repository,
//! and Pushpin.
//!
//! ```ignore
//! for kind in ProxyKind::each("name_of_the_test") {
//!     let proxy = GripProxy::bind(kind).await;   // proxy.control_url(), GRIP_KEY: for variables
//!     let proxy = proxy.serve(app.address()).await;
//!     // proxy.address(): for clients
//! }
//! ```

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use goldfish_host::proxy::{Bound, Options, Proxy};
use tokio::process::{Child, Command};

use super::{eventually, skip_or_fail};

/// The key of `Grip-Sig`.
pub(crate) const GRIP_KEY: &str = "the key of the proxies in tests";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyKind {
    Local,
    Pushpin,
}

impl ProxyKind {
    /// The local proxy, and Pushpin if it is installed.
    pub(crate) fn each(test: &str) -> Vec<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let is_installed = |name: &str| {
            let mut folders = std::env::split_paths(&path);
            folders.any(|folder| folder.join(name).is_file())
        };
        let needed = ["pushpin", "condure", "zurl"];
        match needed.into_iter().find(|name| !is_installed(name)) {
            None => vec![Self::Local, Self::Pushpin],
            Some(missing) => {
                let missing = format!("{missing} is not installed");
                skip_or_fail(&format!("{test} on Pushpin"), &missing);
                vec![Self::Local]
            }
        }
    }
}

/// A proxy whose addresses are bound and which does not serve yet.
pub(crate) struct BoundProxy {
    address: SocketAddr,
    control: SocketAddr,
    local: Option<Bound>,
}

/// A proxy before an application. It ends when dropped.
pub(crate) struct GripProxy {
    address: SocketAddr,
    control: SocketAddr,
    running: Running,
}

enum Running {
    Local(Proxy),
    Pushpin(Child),
}

/// Runs Pushpin with its helpers in a folder of its own, until standard input closes: at the latest
/// when this process ends.
const SCRIPT: &str = r#"
set -e
http=$1 control=$2 backend=$3 key=$4
folder=$(mktemp -d "${TMPDIR:-/tmp}/goldfish-pushpin.XXXXXX")
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir run log
echo "* $backend,over_http" > routes
cat > zurl.conf <<END
[General]
in_spec=ipc://$folder/run/zurl-in
in_stream_spec=ipc://$folder/run/zurl-in-stream
out_spec=ipc://$folder/run/zurl-out
in_req_spec=ipc://$folder/run/zurl-req
defpolicy=allow
max_open_requests=2000
buffer_size=200000
timeout=600
END
cat > pushpin.conf <<END
[global]
include={libdir}/internal.conf
rundir=$folder/run
ipc_prefix=pushpin-
[runner]
services=condure,pushpin-proxy,pushpin-handler
http_port=127.0.0.1:$http
logdir=$folder/log
log_level=2
client_buffer_size=8192
client_maxconn=1000
condure_bin=condure
[proxy]
routesfile=routes
debug=false
sig_iss=pushpin
sig_key=$key
updates_check=off
zurl_out_specs=ipc://$folder/run/zurl-in
zurl_out_stream_specs=ipc://$folder/run/zurl-in-stream
zurl_in_specs=ipc://$folder/run/zurl-out
[handler]
push_in_spec=ipc://$folder/run/push-in
push_in_sub_specs=ipc://$folder/run/push-in-sub
push_in_http_addr=127.0.0.1
push_in_http_port=$control
push_in_http_max_headers_size=10000
push_in_http_max_body_size=1000000
command_spec=ipc://$folder/run/command
stats_spec=ipc://$folder/run/stats
message_rate=100000
message_hwm=25000
message_wait=5000
id_cache_ttl=60
connection_subscription_max=400
END
zurl --config="$folder/zurl.conf" >log/zurl.log 2>&1 &
zurl=$!
pushpin --config="$folder/pushpin.conf" >log/pushpin.log 2>&1 &
pushpin=$!
cat >/dev/null
kill $pushpin $zurl 2>/dev/null
wait $pushpin $zurl 2>/dev/null || true
"#;

impl GripProxy {
    pub(crate) async fn bind(kind: ProxyKind) -> BoundProxy {
        if kind == ProxyKind::Pushpin {
            let free = || {
                let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
                socket.local_addr().unwrap()
            };
            return BoundProxy {
                address: free(),
                control: free(),
                local: None,
            };
        }
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        BoundProxy::local(any, any).await
    }

    /// Ends the proxy with all its connections, and starts another one at its addresses.
    pub(crate) async fn restart(self, backend: SocketAddr) -> Self {
        let (address, control) = (self.address, self.control);
        let is_local = matches!(self.running, Running::Local(_));
        match self.running {
            Running::Local(proxy) => drop(proxy),
            Running::Pushpin(mut child) => {
                // Standard input closes.
                child.wait().await.unwrap();
            }
        }
        let bound = match is_local {
            true => BoundProxy::local(address, control).await,
            false => BoundProxy {
                address,
                control,
                local: None,
            },
        };
        bound.serve(backend).await
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn control_url(&self) -> String {
        format!("http://{}", self.control)
    }
}

impl BoundProxy {
    /// The local proxy, as soon as its addresses are free.
    async fn local(listen: SocketAddr, control: SocketAddr) -> Self {
        let bound = eventually("the proxy's addresses", || async move {
            let options = Options {
                listen,
                control,
                key: GRIP_KEY.to_owned(),
                peer_secret: None,
            };
            Proxy::bind(options).await.ok()
        })
        .await;
        Self {
            address: bound.address(),
            control: bound.control_address(),
            local: Some(bound),
        }
    }

    #[allow(dead_code, reason = "for applications that publish")]
    pub(crate) fn control_url(&self) -> String {
        format!("http://{}", self.control)
    }

    pub(crate) async fn serve(self, backend: SocketAddr) -> GripProxy {
        let running = match self.local {
            Some(bound) => Running::Local(bound.serve(backend)),
            None => {
                let child = Command::new("sh")
                    .args(["-c", SCRIPT, "sh"])
                    .args([self.address.port(), self.control.port()].map(|port| port.to_string()))
                    .args([&backend.to_string(), GRIP_KEY])
                    .stdin(Stdio::piped())
                    // Ctrl-C in a terminal is for the tests only.
                    .process_group(0)
                    .spawn()
                    .unwrap();
                for address in [self.address, self.control] {
                    eventually("a connection to Pushpin", || async move {
                        tokio::net::TcpStream::connect(address).await.ok()
                    })
                    .await;
                }
                // Its processes connect to each other, without a signal that they have.
                tokio::time::sleep(Duration::from_secs(1)).await;
                Running::Pushpin(child)
            }
        };
        GripProxy {
            address: self.address,
            control: self.control,
            running,
        }
    }
}
