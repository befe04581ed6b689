use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;

/// A store with a virtual clock, shared by instances that take turns at every await.
#[derive(Default)]
struct World {
    decision: RefCell<Option<Vec<u8>>>,
    decided: Cell<u32>,
    candidates: RefCell<BTreeMap<u64, Vec<u8>>>,
    count: Cell<u64>,
    clock: Cell<Duration>,
}

/// One instance's view of the world.
struct Instance<'a> {
    world: &'a World,
    name: u8,
    /// The store takes this long for everything.
    delay: Duration,
}

impl Instance<'_> {
    /// Lets the others run until the virtual clock has moved on.
    async fn pass(&self, duration: Duration) {
        let end = self.world.clock.get() + duration;
        let mut yielded = false;
        std::future::poll_fn(|_| {
            if yielded && self.world.clock.get() >= end {
                return Poll::Ready(());
            }
            yielded = true;
            Poll::Pending
        })
        .await;
    }
}

impl Ballot for Instance<'_> {
    async fn decision(&self) -> Result<Option<Vec<u8>>, String> {
        self.pass(self.delay).await;
        Ok(self.world.decision.borrow().clone())
    }

    async fn decide(&self, secret: &[u8]) -> Result<(), String> {
        self.pass(self.delay).await;
        let before = self.world.decision.replace(Some(secret.to_vec()));
        assert!(before.is_none_or(|before| before == secret));
        self.world.decided.set(self.world.decided.get() + 1);
        Ok(())
    }

    async fn take_number(&self) -> Result<u64, String> {
        self.world.count.set(self.world.count.get() + 1);
        let number = self.world.count.get();
        self.pass(self.delay).await;
        Ok(number)
    }

    async fn candidate(&self, number: u64) -> Result<Option<Vec<u8>>, String> {
        self.pass(self.delay).await;
        Ok(self.world.candidates.borrow().get(&number).cloned())
    }

    async fn propose(&self, number: u64, secret: &[u8]) -> Result<(), String> {
        self.pass(self.delay).await;
        self.world
            .candidates
            .borrow_mut()
            .insert(number, secret.to_vec());
        Ok(())
    }

    fn random(&self) -> Result<[u8; SECRET_BYTES], String> {
        Ok([self.name; SECRET_BYTES])
    }

    fn elapsed(&self) -> Duration {
        self.world.clock.get()
    }

    async fn sleep(&self, duration: Duration) {
        self.pass(duration).await;
    }
}

/// Runs the elections to their end, taking turns in the order that `turns` says. An instance for
/// which `dies_after` gives a number of turns is dropped after them.
fn run(
    world: &World,
    delays: &[u64],
    dies_after: &[Option<u32>],
    turns: &[usize],
) -> Vec<Option<Result<Vec<u8>, String>>> {
    let instances: Vec<Instance<'_>> = delays
        .iter()
        .zip(0..)
        .map(|(delay, name)| Instance {
            world,
            name,
            delay: Duration::from_millis(*delay),
        })
        .collect();
    let mut elections: Vec<_> = instances
        .iter()
        .map(|instance| Some(Box::pin(elect(instance))))
        .collect();
    let mut results: Vec<_> = instances.iter().map(|_| None).collect();
    let mut ran = vec![0; instances.len()];
    let mut turn = 0;
    while elections.iter().any(Option::is_some) {
        let index = turns[turn % turns.len()] % instances.len();
        // Whatever the order says, everybody's turn comes.
        for index in [index, turn % instances.len()] {
            let Some(election) = &mut elections[index] else {
                continue;
            };
            ran[index] += 1;
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(result) = pin!(election).poll(&mut context) {
                results[index] = Some(result);
                elections[index] = None;
            } else if dies_after[index].is_some_and(|turns| ran[index] > turns) {
                elections[index] = None;
            }
        }
        turn += 1;
        world
            .clock
            .set(world.clock.get() + Duration::from_millis(5));
    }
    results
}

#[test]
fn the_first_secret_is_kept() {
    let world = World::default();
    let first = run(&world, &[0], &[None], &[0]);
    let again = run(&world, &[0, 0, 0], &[None; 3], &[0]);
    for result in again {
        assert_eq!(result, first[0]);
    }
    assert_eq!(world.count.get(), 1);
    assert_eq!(world.decided.get(), 1);
}

#[test]
fn a_writer_that_died_is_skipped() {
    let world = World::default();
    world.count.set(3);
    let results = run(&world, &[0], &[None], &[0]);
    assert_eq!(results[0], Some(Ok(vec![0; SECRET_BYTES])));
    assert!(world.clock.get() > GRACE);
}

#[test]
fn a_slow_writer_gives_up() {
    let world = World::default();
    let too_slow = u64::try_from(WRITE_DEADLINE.as_millis()).unwrap() + 100;
    let results = run(&world, &[too_slow, 0], &[None, None], &[0]);
    assert!(results[0].as_ref().unwrap().is_err() || results[0] == results[1]);
    assert!(results[1].as_ref().unwrap().is_ok());
    assert!(world.candidates.borrow().len() == 1);
}

proptest! {
    /// In any order, with any of them dying anywhere: who has a secret has the same.
    #[test]
    fn all_agree(
        delays in prop::collection::vec(0u64..1500, 1..6),
        deaths in prop::collection::vec(prop::option::of(0u32..40), 6),
        turns in prop::collection::vec(0usize..6, 1..50),
    ) {
        let world = World::default();
        let results = run(&world, &delays, &deaths, &turns);
        let mut secrets: Vec<_> = results.into_iter().flatten().flatten().collect();
        let later = run(&world, &[0], &[None], &[0]);
        secrets.extend(later.into_iter().flatten().flatten());
        prop_assert!(!secrets.is_empty());
        secrets.dedup();
        prop_assert_eq!(secrets.len(), 1);
    }
}
