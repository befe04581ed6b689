//! Instances of a component: made when needed, used for many requests, some at once, and dropped
//! when idle, with the limits that Spin has.

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
use crate::guest::{Grants, Guest};

const REQUESTS: usize = 128;
const REQUESTS_AT_ONCE: usize = 16;
const IDLE: Duration = Duration::from_secs(1);

/// What the instances of all components of a host have in common.
pub(crate) struct Pool {
    /// How many requests may be handed to instances at once and not yet have got as far as
    /// waiting for something. Without a limit, a burst of requests would make an instance each
    /// instead of sharing some.
    starting: Arc<Semaphore>,
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

    /// Waits until no instance has a request or work that goes on after one.
    pub(crate) async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            if self.busy.load(Ordering::SeqCst) == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Ends all instances, whatever they are doing.
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

/// A component that takes requests.
pub(crate) struct Handler {
    /// Its id in the manifest.
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

    /// Answers a request. The error is for the log.
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

/// An error of Wasmtime in a line: the cause, and not the backtrace.
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
                timer: Box::pin(tokio::time::sleep(IDLE)),
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

/// Watches one instance from the outside.
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
        // To be asked this, everything in the instance must be waiting.
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
        let deadline = tokio::time::Instant::from_std(start + IDLE);
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

    fn should_accept_request(&self, at_once: usize, total: usize) -> ShouldAccept {
        if total >= REQUESTS {
            ShouldAccept::Never
        } else if at_once >= REQUESTS_AT_ONCE {
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
        // One that was killed did nothing wrong.
        if let Err(error) = result
            && !self.pool.is_killed()
        {
            self.grants.logs.line(format!(
                "an instance of component {} ended: {}",
                self.component,
                describe(&error)
            ));
        }
        drop(store);
    }
}
