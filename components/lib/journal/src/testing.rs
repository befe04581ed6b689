//! A simulated store and clock, deterministic by a seed: time passes only while everybody waits,
//! and clients can be made to fail, stall or die at any of their operations.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::task::{Poll, Waker};

use futures::executor::LocalPool;
use futures::task::LocalSpawnExt;

use crate::{Clock, Error, NumberSource, Store};

/// The time at which every world begins, in milliseconds since the epoch.
pub const BEGINNING: u64 = 1_800_000_000_000;

/// A store, a clock, and the tasks that use them.
pub struct World {
    shared: Rc<Shared>,
    pool: RefCell<LocalPool>,
}

struct Shared {
    values: RefCell<BTreeMap<String, Vec<u8>>>,
    counters: RefCell<BTreeMap<String, u64>>,
    now: Cell<u64>,
    timers: RefCell<BTreeMap<(u64, u64), Waker>>,
    timer_count: Cell<u64>,
    random: Cell<u64>,
    latency: Cell<u64>,
    splits_batches: Cell<bool>,
    reads: Cell<u64>,
    writes: Cell<u64>,
}

/// A failure that is injected at one operation of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The client is killed before the operation takes effect.
    DieBefore,
    /// The client is killed after the operation took effect.
    DieAfter,
    /// The operation takes effect this many milliseconds later.
    Stall(u64),
    /// The operation fails without effect.
    Fail,
    /// The operation fails, but took effect.
    FailAfter,
}

/// One process that uses the world: the platform of journals in tests.
#[derive(Clone)]
pub struct Client {
    shared: Rc<Shared>,
    faults: Rc<RefCell<BTreeMap<u64, Fault>>>,
    operations: Rc<Cell<u64>>,
}

impl World {
    /// An empty world.
    pub fn new(seed: u64) -> Self {
        let shared = Shared {
            values: RefCell::default(),
            counters: RefCell::default(),
            now: Cell::new(BEGINNING),
            timers: RefCell::default(),
            timer_count: Cell::new(0),
            random: Cell::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            latency: Cell::new(0),
            splits_batches: Cell::new(false),
            reads: Cell::new(0),
            writes: Cell::new(0),
        };
        Self {
            shared: Rc::new(shared),
            pool: RefCell::default(),
        }
    }

    /// Makes every operation take up to this long (milliseconds), before and after its effect.
    pub fn set_latency(&self, most: u64) {
        self.shared.latency.set(most);
    }

    /// Makes each key of a batch an operation of its own, in the order that the store's contract allows:
    /// any, but the last key after all others.
    pub fn split_batches(&self) {
        self.shared.splits_batches.set(true);
    }

    /// A process without faults.
    pub fn client(&self) -> Client {
        Client {
            shared: Rc::clone(&self.shared),
            faults: Rc::default(),
            operations: Rc::default(),
        }
    }

    /// Adds a task.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        // Fails only after the pool was dropped, together with the world.
        let _ = self.pool.borrow().spawner().spawn_local(task);
    }

    /// Runs all tasks until none of them can continue.
    pub fn run(&self) {
        loop {
            self.pool.borrow_mut().run_until_stalled();
            if !self.shared.advance() {
                return;
            }
        }
    }

    /// Runs a task and the others until they all have finished or died; none if the task has died.
    pub fn finish<T: 'static>(&self, task: impl Future<Output = T> + 'static) -> Option<T> {
        let result = Rc::new(RefCell::new(None));
        let place = Rc::clone(&result);
        self.spawn(async move {
            let value = task.await;
            place.borrow_mut().replace(value);
        });
        self.run();
        result.take()
    }

    /// Lets time pass.
    pub fn pass(&self, milliseconds: u64) {
        let then = self.shared.now.get().saturating_add(milliseconds);
        self.shared.now.set(then);
    }

    /// The time, in milliseconds since the epoch.
    pub fn now(&self) -> u64 {
        self.shared.now.get()
    }

    /// A number of the range, by the world's own chance.
    pub fn random(&self, range: RangeInclusive<u64>) -> u64 {
        self.shared.random(range)
    }

    /// The keys there are.
    pub fn keys(&self) -> Vec<String> {
        self.shared.values.borrow().keys().cloned().collect()
    }

    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<Vec<u8>> {
        self.shared.values.borrow().get(key).cloned()
    }

    /// Puts a value under a key, or removes it, past all clients.
    pub fn put(&self, key: &str, value: Option<Vec<u8>>) {
        let mut values = self.shared.values.borrow_mut();
        match value {
            Some(value) => values.insert(key.to_owned(), value),
            None => values.remove(key),
        };
    }

    /// The keys whose values contain a text.
    pub fn keys_containing(&self, text: &str) -> Vec<String> {
        let values = self.shared.values.borrow();
        let holds = |value: &[u8]| String::from_utf8_lossy(value).contains(text);
        let matching = values.iter().filter(|(_, value)| holds(value));
        matching.map(|(key, _)| key.clone()).collect()
    }

    /// The operations since the last call: reads, and writes (a batch is one).
    pub fn take_counts(&self) -> (u64, u64) {
        (self.shared.reads.take(), self.shared.writes.take())
    }
}

impl Shared {
    /// Goes on to the next timer; false when there is none.
    fn advance(&self) -> bool {
        let next = self.timers.borrow_mut().pop_first();
        let Some(((at, _), waker)) = next else {
            return false;
        };
        self.now.set(self.now.get().max(at));
        waker.wake();
        true
    }

    async fn sleep(&self, milliseconds: u64) {
        let id = self.timer_count.get();
        self.timer_count.set(id.wrapping_add(1));
        let at = self.now.get().saturating_add(milliseconds);
        poll_fn(|context| {
            if self.now.get() >= at {
                self.timers.borrow_mut().remove(&(at, id));
                return Poll::Ready(());
            }
            let waker = context.waker().clone();
            self.timers.borrow_mut().insert((at, id), waker);
            Poll::Pending
        })
        .await;
    }

    /// xorshift64.
    fn random(&self, range: RangeInclusive<u64>) -> u64 {
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random.set(x);
        let width = range.end().saturating_sub(*range.start()).saturating_add(1);
        let offset = x.checked_rem(width).unwrap_or(0);
        range.start().saturating_add(offset)
    }

    async fn delay(&self) {
        let latency = self.latency.get();
        if latency > 0 {
            self.sleep(self.random(0..=latency)).await;
        }
    }
}

impl Client {
    /// Makes something happen at the operation of this index, counted from the client's next one.
    #[must_use]
    pub fn with_fault(self, after: u64, fault: Fault) -> Self {
        let at = self.operations.get().saturating_add(after);
        self.faults.borrow_mut().insert(at, fault);
        self
    }

    /// How many operations this client has begun.
    pub fn operations(&self) -> u64 {
        self.operations.get()
    }

    /// A batch as the operations that it is made of.
    fn parts<T>(&self, mut batch: Vec<T>) -> Vec<Vec<T>> {
        if !self.shared.splits_batches.get() {
            return vec![batch];
        }
        let last = batch.pop();
        let mut parts = Vec::new();
        while !batch.is_empty() {
            let end = u64::try_from(batch.len()).unwrap_or(u64::MAX);
            let index = self.shared.random(1..=end).saturating_sub(1);
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            parts.push(vec![batch.swap_remove(index)]);
        }
        parts.extend(last.map(|last| vec![last]));
        parts
    }

    async fn operate<T>(&self, effect: impl FnOnce(&Shared) -> T) -> Result<T, Error> {
        let index = self.operations.get();
        self.operations.set(index.saturating_add(1));
        let fault = self.faults.borrow().get(&index).copied();
        let failed = || Error::Store("an injected fault".to_owned());
        self.shared.delay().await;
        match fault {
            Some(Fault::DieBefore) => std::future::pending::<()>().await,
            Some(Fault::Stall(time)) => self.shared.sleep(time).await,
            Some(Fault::Fail) => return Err(failed()),
            _ => {}
        }
        let result = effect(&self.shared);
        match fault {
            Some(Fault::DieAfter) => std::future::pending::<()>().await,
            Some(Fault::FailAfter) => return Err(failed()),
            _ => {}
        }
        self.shared.delay().await;
        Ok(result)
    }
}

fn count(cell: &Cell<u64>) {
    cell.set(cell.get().saturating_add(1));
}

impl Store for Client {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.operate(|shared| {
            count(&shared.reads);
            shared.values.borrow().get(key).cloned()
        })
        .await
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.set_many(vec![(key.to_owned(), value.to_vec())]).await
    }

    async fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        for pairs in self.parts(pairs) {
            self.operate(|shared| {
                count(&shared.writes);
                shared.values.borrow_mut().extend(pairs);
            })
            .await?;
        }
        Ok(())
    }

    async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error> {
        for keys in self.parts(keys) {
            self.operate(|shared| {
                count(&shared.writes);
                let mut values = shared.values.borrow_mut();
                for key in keys {
                    values.remove(&key);
                }
            })
            .await?;
        }
        Ok(())
    }
}

impl NumberSource for Client {
    async fn add(&self, key: &str, amount: u32) -> Result<u64, Error> {
        self.operate(|shared| {
            count(&shared.writes);
            let mut counters = shared.counters.borrow_mut();
            let counter = counters.entry(key.to_owned()).or_default();
            *counter = counter.saturating_add(amount.into());
            *counter
        })
        .await
    }
}

impl Clock for Client {
    fn now(&self) -> u64 {
        self.shared.now.get()
    }

    fn monotonic(&self) -> u64 {
        self.shared.now.get()
    }

    async fn sleep(&self, milliseconds: u64) {
        self.shared.sleep(milliseconds).await;
    }
}
