//! Instances of components. An instance is created when needed, serves many requests (several at
//! once), and is dropped when idle. The limits are Spin's defaults.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use http::{Request, Response};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use wasmtime::component::GuestTaskId;
use wasmtime::{Store, StoreContextMut};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ProxyHandler, ShouldAccept, WorkerExpiration, WorkerState,
    WorkerStatus,
};
use wasmtime_wasi_http::{WasiBody, WasiHttpView as _};

use crate::engine::Service;
use crate::grants::Grants;
use crate::guest::Guest;

/// Requests that an instance serves before it is replaced.
const MAX_REQUESTS: usize = 128;

/// Requests that an instance serves at the same time.
const MAX_CONCURRENT_REQUESTS: usize = 16;

const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// State shared by the instances of all components of a host.
pub(crate) struct Pool {
    /// Permits for requests that were handed to an instance and have not yet waited for anything.
    /// Without this limit, each request of a burst would create an instance instead of sharing one.
    starting: Arc<Semaphore>,
    /// Instances that have a request or work that continues after one.
    busy: AtomicUsize,
    idle: Notify,
    kill: Shared<BoxFuture<'static, ()>>,
    killer: Mutex<Option<tokio::sync::oneshot::Sender<()>>>,
}

impl Pool {
    pub(crate) fn new() -> Arc<Self> {
        let (killer, killed) = tokio::sync::oneshot::channel();
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        Arc::new(Self {
            starting: Arc::new(Semaphore::new(2 * threads)),
            busy: AtomicUsize::new(0),
            idle: Notify::new(),
            kill: killed.map(drop).boxed().shared(),
            killer: Mutex::new(Some(killer)),
        })
    }

    /// Waits until no instance has a request or work that continues after one.
    pub(crate) async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            if self.busy.load(Ordering::SeqCst) == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Ends all instances at once.
    pub(crate) fn kill(&self) {
        self.killer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    fn is_killed(&self) -> bool {
        self.killer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_none()
    }

    fn release(&self) {
        if self.busy.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.idle.notify_waiters();
        }
    }
}

/// A component that handles requests.
pub(crate) struct Handler {
    /// The component's id in the manifest.
    pub(crate) component: String,
    pool: Arc<Pool>,
    proxy: ProxyHandler<Instances>,
}

impl Handler {
    pub(crate) fn new(
        component: &str,
        service: Service,
        grants: Arc<Grants>,
        pool: Arc<Pool>,
    ) -> Self {
        Self {
            component: component.to_owned(),
            proxy: ProxyHandler::new(Instances {
                component: component.to_owned(),
                service,
                grants,
                pool: pool.clone(),
            }),
            pool,
        }
    }

    /// Handles a request. The error is for the log.
    pub(crate) async fn handle(
        &self,
        request: Request<WasiBody>,
    ) -> Result<Response<WasiBody>, String> {
        let Ok(permit) = self.pool.starting.clone().acquire_owned().await else {
            return Err("the host is shutting down".into());
        };
        self.proxy
            .handle(Some(permit), request)
            .await
            .map_err(|error| describe(&error))
    }
}

/// The root cause of a Wasmtime error in one line, without the backtrace.
fn describe(error: &wasmtime::Error) -> String {
    error.root_cause().to_string()
}

struct Instances {
    component: String,
    service: Service,
    grants: Arc<Grants>,
    pool: Arc<Pool>,
}

type Permits = Arc<Mutex<Vec<OwnedSemaphorePermit>>>;

impl HandlerState for Instances {
    type StoreData = Guest;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<Guest, Expiration, Worker>> {
        let mut store = Store::new(self.service.engine(), Guest::new(self.grants.clone()));
        let service = self.service.instantiate_async(&mut store).await?;
        self.pool.busy.fetch_add(1, Ordering::SeqCst);
        let permits = Permits::default();
        Ok(Instance {
            store,
            proxy: Proxy::P3(service),
            view: Guest::http,
            expiration: Expiration {
                pool: self.pool.clone(),
                permits: permits.clone(),
                busy: true,
                killed: self.pool.kill.clone(),
                timer: Box::pin(tokio::time::sleep(IDLE_TIMEOUT)),
            },
            state: Worker {
                component: self.component.clone(),
                pool: self.pool.clone(),
                grants: self.grants.clone(),
                permits,
            },
        })
    }
}

/// Decides when an instance ends, and tracks whether it is busy.
struct Expiration {
    pool: Arc<Pool>,
    permits: Permits,
    busy: bool,
    killed: Shared<BoxFuture<'static, ()>>,
    timer: Pin<Box<Sleep>>,
}

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        status: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        // This is polled only when all tasks of the instance wait for something.
        self.permits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        let busy = status != WorkerStatus::Idle;
        if busy != self.busy {
            self.busy = busy;
            match busy {
                true => {
                    self.pool.busy.fetch_add(1, Ordering::SeqCst);
                }
                false => self.pool.release(),
            }
        }
        if self.killed.poll_unpin(context).is_ready() {
            return Poll::Ready(());
        }
        if busy {
            return Poll::Pending;
        }
        let deadline = tokio::time::Instant::from_std(start + IDLE_TIMEOUT);
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
        self.timer.as_mut().poll(context)
    }
}

impl Drop for Expiration {
    fn drop(&mut self) {
        if self.busy {
            self.pool.release();
        }
    }
}

struct Worker {
    component: String,
    pool: Arc<Pool>,
    grants: Arc<Grants>,
    permits: Permits,
}

impl WorkerState for Worker {
    type StoreData = Guest;
    type RequestData = Option<OwnedSemaphorePermit>;

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= MAX_REQUESTS {
            ShouldAccept::Never
        } else if concurrent >= MAX_CONCURRENT_REQUESTS {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, Guest>,
        permit: Self::RequestData,
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        self.permits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(permit);
        Box::pin(std::future::pending())
    }

    fn drop(&self, store: Store<Guest>, result: Result<(), wasmtime::Error>) {
        // An instance that was killed ends with an error that is not its own.
        if let Err(error) = result
            && !self.pool.is_killed()
        {
            self.grants.logs.line(format!(
                "an instance of component {} failed: {}",
                self.component,
                describe(&error)
            ));
        }
        drop(store);
    }
}
