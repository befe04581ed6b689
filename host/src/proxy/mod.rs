//! A local GRIP proxy: it holds WebSockets and streams for an application that cannot, and sends what the
//! application publishes. It does what Pushpin 1.36 does of what the application uses; `README.md` has the
//! list. It runs in front of the embedded host, or of Spin.

mod backend;
mod control;
mod events;
mod head;
mod headers;
mod http;
mod hub;
mod instruct;
mod item;
mod responses;
mod socket;
mod stream;
mod websocket;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use backend::Backend;
use hub::Hub;

pub(crate) use backend::PEER_HEADER;

/// How long a client may take to send the head of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);

/// Options of [`Proxy::bind`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The address for clients; port 0 selects a free port.
    pub listen: SocketAddr,
    /// The address for publishing; port 0 selects a free port.
    pub control: SocketAddr,
    /// Signs what is passed on (`Grip-Sig`).
    pub key: String,
    /// A secret that the embedded host shares, so that it trusts the sent address of each client.
    pub peer_secret: Option<String>,
}

/// A running proxy. Dropping it closes all connections.
#[derive(Debug)]
pub struct Proxy {
    tasks: Vec<JoinHandle<()>>,
}

/// A proxy whose addresses are bound. Clients wait until it serves.
#[derive(Debug)]
pub struct Bound {
    options: Options,
    listener: TcpListener,
    control: TcpListener,
}

/// The state that all connections share.
struct Shared {
    hub: Arc<Hub>,
    backend: Backend,
    /// Ends all sessions.
    stop: watch::Receiver<()>,
}

impl Proxy {
    /// Binds the addresses.
    ///
    /// # Errors
    /// If an address is in use or does not belong to this machine.
    pub async fn bind(mut options: Options) -> Result<Bound> {
        let listener = crate::server::bind(options.listen).await?;
        let control = TcpListener::bind(options.control).await;
        let control = control.with_context(|| format!("cannot listen on {}", options.control))?;
        options.listen = listener.local_addr()?;
        options.control = control.local_addr()?;
        Ok(Bound {
            options,
            listener,
            control,
        })
    }
}

impl Bound {
    /// The address for clients, with the actual port.
    pub fn address(&self) -> SocketAddr {
        self.options.listen
    }

    /// The address for publishing, with the actual port.
    pub fn control_address(&self) -> SocketAddr {
        self.options.control
    }

    /// Starts to serve the application at this address.
    pub fn serve(self, backend: SocketAddr) -> Proxy {
        let Options {
            key, peer_secret, ..
        } = self.options;
        let hub = Arc::new(Hub::default());
        let (keep, stop) = watch::channel(());
        let shared = Arc::new(Shared {
            hub: hub.clone(),
            backend: Backend::new(backend, &key, peer_secret),
            stop,
        });
        let publish = hub.clone();
        let clients = async move {
            // Connections end when this is dropped.
            let _keep = keep;
            accept(self.listener, |stream, peer| {
                tokio::spawn(serve(shared.clone(), stream, peer));
            })
            .await;
        };
        let control = accept(self.control, move |stream, _| {
            tokio::spawn(control::serve(publish.clone(), stream));
        });
        Proxy {
            tasks: vec![
                tokio::spawn(clients),
                tokio::spawn(control),
                tokio::spawn(async move { hub.expire().await }),
            ],
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn accept(listener: TcpListener, each: impl Fn(TcpStream, SocketAddr)) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => each(stream, peer),
            // Too many open files, for example: others may close theirs.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let _ = stream.set_nodelay(true);
    // Ends the connection of a client that does not read its stream.
    let abort = Arc::new(Notify::new());
    let mut stop = shared.stop.clone();
    let aborted = abort.clone();
    let service = service_fn(move |request| {
        let (shared, abort) = (shared.clone(), abort.clone());
        async move { Ok::<_, Infallible>(http::respond(shared, request, peer, abort).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    builder.http2().timer(TokioTimer::new());
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    tokio::select! {
        // An error means that the client closed the connection.
        _ = connection => {}
        () = aborted.notified() => {}
        _ = stop.changed() => {}
    }
}
