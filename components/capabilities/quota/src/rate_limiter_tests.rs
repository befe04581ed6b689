use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Condvar, Mutex};

use futures::executor::block_on;
use journal::testing::{Client, World};
use journal::{Clock, NumberSource, Store};

use proptest::prelude::*;

use super::*;

/// The state of one instance.
type Instance = Mutex<RateLimiter>;

fn new_instance() -> Instance {
    Mutex::new(RateLimiter::new())
}

/// A subject in a store that counts what is written to it.
#[derive(Default)]
struct Shared {
    count: Cell<u64>,
    mark: RefCell<Option<Mark>>,
    writes: Cell<u32>,
    broken: Cell<bool>,
    /// A mark that another instance wrote between our reading it and our taking a slot.
    hides_mark: Cell<bool>,
}

impl SubjectStore for Shared {
    async fn add(&self, slots: u32) -> Result<u64, String> {
        if self.broken.get() {
            return Err("down".to_owned());
        }
        self.writes.set(self.writes.get() + 1);
        self.count.set(self.count.get() + u64::from(slots));
        Ok(self.count.get())
    }

    async fn mark(&self) -> Result<Option<Mark>, String> {
        if self.hides_mark.get() {
            return Ok(None);
        }
        Ok(*self.mark.borrow())
    }

    async fn pause(&self) {}

    async fn set_mark(&self, mark: Mark) -> Result<(), String> {
        self.writes.set(self.writes.get() + 1);
        *self.mark.borrow_mut() = Some(mark);
        Ok(())
    }
}

/// The beginning of some minute, in milliseconds.
const MINUTE: u64 = 29_400_000 * WINDOW_MS;

fn admit_on<S: SubjectStore>(
    instance: &Instance,
    key: &str,
    limit: u32,
    now: u64,
    store: &S,
) -> Result<Allowance, Refused> {
    block_on(super::admit(instance, key, limit, now, store))
}

fn admit(
    instance: &Instance,
    limit: u32,
    now: u64,
    store: &Shared,
) -> Result<Allowance, Allowance> {
    admit_on(instance, "subject", limit, now, store).map_err(|refused| match refused {
        Refused::Exceeded(allowance) => allowance,
        Refused::Store(text) => panic!("{text}"),
    })
}

#[test]
fn admit_in_one_minute_allows_exactly_the_limit() {
    for limit in [1, 20, 60, 600, 1000] {
        let (limiter, store) = (new_instance(), Shared::default());
        for taken in 1..=limit {
            let allowance = admit(&limiter, limit, MINUTE + u64::from(taken), &store).unwrap();
            assert_eq!(allowance.limit, limit);
            assert_eq!(allowance.remaining, limit - taken);
            assert!(allowance.reset_after >= 1);
        }
        let refused = admit(&limiter, limit, MINUTE + 2000, &store).unwrap_err();
        assert_eq!(refused.remaining, 0);
    }
}

#[test]
fn admit_on_many_instances_with_a_small_limit_is_exact() {
    let store = Shared::default();
    let limiters: Vec<Instance> = (0..7).map(|_| new_instance()).collect();
    for taken in 0..60 {
        admit(&limiters[taken % 7], 60, MINUTE, &store).unwrap();
    }
    for limiter in &limiters {
        admit(limiter, 60, MINUTE, &store).unwrap_err();
    }
}

#[test]
fn admit_of_a_chat_takes_one_write_and_in_a_new_minute_two() {
    let (limiter, store) = (new_instance(), Shared::default());
    for minute in 0..3 {
        for chat in 0..10 {
            let before = store.writes.get();
            let now = MINUTE + minute * WINDOW_MS + 5000 + chat * 1000;
            admit(&limiter, 60, now, &store).unwrap();
            let expected = if chat == 0 { 2 } else { 1 };
            assert_eq!(store.writes.get() - before, expected);
        }
    }
}

#[test]
fn admit_with_a_large_limit_writes_once_per_lease() {
    let (limiter, store) = (new_instance(), Shared::default());
    for _ in 0..128 {
        admit(&limiter, 600, MINUTE, &store).unwrap();
    }
    assert_eq!(store.writes.get(), 14);
    let (limiter, store) = (new_instance(), Shared::default());
    for _ in 0..128 {
        admit(&limiter, 1_000_000, MINUTE, &store).unwrap();
    }
    assert_eq!(store.writes.get(), 5);
}

#[test]
fn admit_of_refused_requests_writes_nothing_and_does_not_extend_the_wait() {
    let (limiter, store) = (new_instance(), Shared::default());
    for _ in 0..60 {
        admit(&limiter, 60, MINUTE, &store).unwrap();
    }
    let writes = store.writes.get();
    // Hammering through the rest of this minute and the whole next one.
    let mut admitted = 0;
    for now in (MINUTE..MINUTE + 2 * WINDOW_MS).step_by(100) {
        admitted += u32::from(admit(&limiter, 60, now, &store).is_ok());
    }
    // As the weight of the previous minute falls, its slots become free again.
    assert_eq!(admitted, 59);
    // A write for each that was admitted, the mark, and one slot that waits for its time.
    assert!(store.writes.get() - writes <= 59 + 3);
}

#[test]
fn hammering_does_not_starve_a_limit_of_one() {
    let (limiter, store) = (new_instance(), Shared::default());
    let mut admitted = 0;
    for now in (MINUTE..MINUTE + 10 * WINDOW_MS).step_by(500) {
        admitted += u32::from(admit(&limiter, 1, now, &store).is_ok());
    }
    assert_eq!(admitted, 5);
}

#[test]
fn no_limit_writes_nothing() {
    let (limiter, store) = (new_instance(), Shared::default());
    assert_eq!(admit(&limiter, 0, MINUTE, &store).unwrap().limit, 0);
    assert_eq!(store.writes.get(), 0);
}

#[test]
fn a_broken_store_is_an_error_and_no_refusal() {
    let (limiter, store) = (new_instance(), Shared::default());
    store.broken.set(true);
    let refused = admit_on(&limiter, "subject", 60, MINUTE, &store).unwrap_err();
    assert_eq!(refused, Refused::Store("down".to_owned()));
    store.broken.set(false);
    admit(&limiter, 60, MINUTE, &store).unwrap();
}

#[test]
fn a_mark_that_was_written_too_late_is_put_right() {
    let store = Shared::default();
    let (first, second, third) = (new_instance(), new_instance(), new_instance());
    // Both begin the minute, and the one that came second marks it last.
    store.hides_mark.set(true);
    admit(&first, 60, MINUTE, &store).unwrap();
    admit(&second, 60, MINUTE, &store).unwrap();
    store.hides_mark.set(false);
    assert_eq!(store.mark.borrow().unwrap().start, 1);
    admit(&first, 60, MINUTE, &store).unwrap();
    assert_eq!(store.mark.borrow().unwrap().start, 0);
    for taken in 3..60 {
        let limiter = [&second, &third].into_iter().nth(taken % 2);
        admit(limiter.unwrap(), 60, MINUTE, &store).unwrap();
    }
    for limiter in [&first, &second, &third] {
        admit(limiter, 60, MINUTE, &store).unwrap_err();
    }
}

/// A store whose operations wait for their turn.
struct InTurns<'a> {
    store: &'a Mutex<(u64, Option<Mark>)>,
    /// The instance that runs each operation. After the last one, no operation waits.
    turns: &'a [usize],
    next: &'a (Mutex<usize>, Condvar),
    own: usize,
}

impl InTurns<'_> {
    fn operate<T>(&self, effect: impl FnOnce(&mut (u64, Option<Mark>)) -> T) -> T {
        let (next, changed) = self.next;
        let waiting = |next: &mut usize| self.turns.get(*next).is_some_and(|own| *own != self.own);
        let mut next = changed.wait_while(next.lock().unwrap(), waiting).unwrap();
        let result = effect(&mut self.store.lock().unwrap());
        *next += 1;
        changed.notify_all();
        result
    }
}

impl SubjectStore for InTurns<'_> {
    async fn add(&self, slots: u32) -> Result<u64, String> {
        Ok(self.operate(|(count, _)| {
            *count += u64::from(slots);
            *count
        }))
    }

    async fn mark(&self) -> Result<Option<Mark>, String> {
        Ok(self.operate(|(_, mark)| *mark))
    }

    async fn pause(&self) {}

    async fn set_mark(&self, new: Mark) -> Result<(), String> {
        self.operate(|(_, mark)| *mark = Some(new));
        Ok(())
    }
}

/// Two instances begin a minute at once, every way that their operations can fall between each
/// other, and then the last `staying` of them and a third one take the remaining slots.
fn begun_together(limit: u32, staying: usize) -> Vec<u32> {
    const OPERATIONS: u32 = 10;
    let schedules = 0..1u32 << OPERATIONS;
    let admitted = schedules.map(|schedule| {
        let turns = (0..OPERATIONS).map(|bit| (schedule >> bit & 1) as usize);
        let turns: Vec<usize> = turns.collect();
        let shared = Mutex::new((100, None));
        let next = (Mutex::new(0), Condvar::new());
        let store = |own, turns| InTurns {
            store: &shared,
            turns,
            next: &next,
            own,
        };
        let mut limiters = std::thread::scope(|scope| {
            let begin = |own| {
                let (store, next) = (store(own, &turns), &next);
                scope.spawn(move || {
                    let limiter = new_instance();
                    admit_on(&limiter, "subject", limit, MINUTE, &store).unwrap();
                    // An instance that has finished must not block the others.
                    *next.0.lock().unwrap() += turns_of_all();
                    next.1.notify_all();
                    limiter
                })
            };
            let begun = [begin(0), begin(1)];
            let limiters = begun.map(|thread| thread.join().unwrap());
            Vec::from(limiters)
        });
        let mut limiters = limiters.split_off(2 - staying);
        limiters.push(new_instance());
        let tries = 3 * limit as usize;
        let store = store(0, &[]);
        let also = (0..tries).filter(|turn| {
            let limiter = &limiters[turn % (staying + 1)];
            admit_on(limiter, "subject", limit, MINUTE, &store).is_ok()
        });
        2 + u32::try_from(also.count()).unwrap()
    });
    admitted.collect()
}

/// More than any schedule has.
fn turns_of_all() -> usize {
    100
}

#[test]
fn admit_on_two_instances_that_begin_a_minute_together_is_exact() {
    assert!(begun_together(6, 2).iter().all(|admitted| *admitted == 6));
}

#[test]
fn admit_after_a_race_without_the_first_instance_allows_one_too_many_at_most() {
    let admitted = begun_together(6, 1);
    assert!(admitted.iter().all(|admitted| (6..=7).contains(admitted)));
    let beyond = admitted.iter().filter(|admitted| **admitted > 6).count();
    assert!(beyond * 20 < admitted.len(), "{beyond}");
}

/// A subject in a store whose calls take time.
struct Remote(Client);

impl SubjectStore for Remote {
    async fn add(&self, slots: u32) -> Result<u64, String> {
        self.0
            .add("count", slots)
            .await
            .map_err(|error| error.to_string())
    }

    async fn mark(&self) -> Result<Option<Mark>, String> {
        let bytes = self
            .0
            .get("mark")
            .await
            .map_err(|error| error.to_string())?;
        Ok(bytes.as_deref().and_then(Mark::from_bytes))
    }

    async fn set_mark(&self, mark: Mark) -> Result<(), String> {
        let text = mark.to_text();
        let set = self.0.set("mark", text.as_bytes()).await;
        set.map_err(|error| error.to_string())
    }

    async fn pause(&self) {
        self.0.sleep(1).await;
    }
}

#[test]
fn admit_of_simultaneous_requests_of_one_instance_is_exact() {
    for (seed, limit) in [(1, 1), (2, 60), (3, 600)] {
        let world = World::new(seed);
        world.set_latency(10);
        let limiter = Rc::new(new_instance());
        let admitted = Rc::new(Cell::new(0_u32));
        for _ in 0..limit + 20 {
            let (limiter, admitted) = (Rc::clone(&limiter), Rc::clone(&admitted));
            let store = Remote(world.client());
            world.spawn(async move {
                match super::admit(&limiter, "subject", limit, MINUTE, &store).await {
                    Ok(_) => admitted.set(admitted.get() + 1),
                    Err(refused) => assert!(matches!(refused, Refused::Exceeded(_))),
                }
            });
        }
        world.run();
        assert_eq!(admitted.get(), limit);
    }
}

#[test]
fn admit_after_a_cancelled_request_takes_its_turn() {
    let world = World::new(1);
    world.set_latency(10);
    let limiter = new_instance();
    let store = Remote(world.client());
    // Dropped while it takes slots.
    let cancelled = super::admit(&limiter, "subject", 60, MINUTE, &store);
    assert!(futures::FutureExt::now_or_never(cancelled).is_none());
    admit(&limiter, 60, MINUTE, &Shared::default()).unwrap();
}

#[test]
fn admit_with_different_clocks_counts_one_window() {
    let store = Shared::default();
    let (ahead, behind) = (new_instance(), new_instance());
    for _ in 0..30 {
        admit(&ahead, 60, MINUTE + WINDOW_MS, &store).unwrap();
        admit(&behind, 60, MINUTE + WINDOW_MS - 500, &store).unwrap();
    }
    admit(&ahead, 60, MINUTE + WINDOW_MS, &store).unwrap_err();
    admit(&behind, 60, MINUTE + WINDOW_MS - 500, &store).unwrap_err();
}

#[test]
fn admit_of_many_subjects_keeps_the_limiter_small() {
    let limiter = new_instance();
    for subject in 0..3 * MAX_SUBJECTS {
        let key = format!("subject{subject}");
        admit_on(&limiter, &key, 60, MINUTE, &Shared::default()).unwrap();
    }
    assert!(lock(&limiter).subjects().len() <= MAX_SUBJECTS);
}

#[test]
fn mark_from_its_text_is_the_same() {
    let mark = Mark {
        window: 29_400_000,
        start: 7,
        previous: 60,
    };
    assert_eq!(Mark::from_bytes(mark.to_text().as_bytes()), Some(mark));
    for damaged in ["", "1 2", "1 2 3 4", "a b c", "-1 2 3", "\u{0}\u{0}"] {
        assert_eq!(Mark::from_bytes(damaged.as_bytes()), None);
    }
    assert_eq!(Mark::from_bytes(&[0xff, 0xfe]), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Requests at any times, to any of a few instances, any of which may end and be replaced.
    #[test]
    fn admit_at_any_times_allows_no_more_than_the_limit_in_a_minute(
        limit in 1u32..300,
        requests in prop::collection::vec((0u64..2000, 0usize..4, 0u32..50), 1..800),
    ) {
        let store = Shared::default();
        let mut limiters: Vec<Instance> = (0..4).map(|_| new_instance()).collect();
        let mut now = MINUTE;
        let mut admitted = Vec::new();
        for (gap, instance, end) in requests {
            now += gap * gap / 4000;
            if end == 0 {
                limiters[instance] = new_instance();
            }
            match admit(&limiters[instance], limit, now, &store) {
                Ok(allowance) => {
                    admitted.push(now);
                    prop_assert!(allowance.remaining < limit);
                    prop_assert!(allowance.reset_after >= 1);
                }
                Err(refused) => {
                    prop_assert_eq!(refused.remaining, 0);
                    prop_assert!((1..=121).contains(&refused.reset_after));
                }
            }
        }
        let most = |window: &dyn Fn(u64) -> std::ops::Range<u64>| {
            admitted
                .iter()
                .map(|at| admitted.iter().filter(|other| window(*at).contains(other)).count())
                .max()
                .unwrap_or(0)
        };
        let fixed = most(&|at| at / WINDOW_MS * WINDOW_MS..(at / WINDOW_MS + 1) * WINDOW_MS);
        let sliding = most(&|at| at..at + WINDOW_MS);
        prop_assert!(fixed <= limit as usize);
        prop_assert!(sliding < 2 * limit as usize || sliding <= 1);
    }

    /// A caller who waits as long as `retry_after` says is admitted.
    #[test]
    fn admit_after_the_stated_wait_succeeds(
        limit in 1u32..200,
        gaps in prop::collection::vec(0u64..3000, 1..400),
    ) {
        let (limiter, store) = (new_instance(), Shared::default());
        let mut now = MINUTE;
        for gap in gaps {
            now += gap;
            if let Err(refused) = admit(&limiter, limit, now, &store) {
                now += u64::from(refused.reset_after) * 1000;
                prop_assert!(admit(&limiter, limit, now, &store).is_ok());
            }
        }
    }

    /// Evenly spread requests are held to the limit exactly.
    #[test]
    fn admit_of_evenly_spread_requests_allows_the_limit(limit in 1u32..60) {
        let (limiter, store) = (new_instance(), Shared::default());
        let gap = (WINDOW_MS / u64::from(limit)).max(1);
        let minutes = 10;
        let mut admitted = 0;
        for request in 0..u64::from(limit) * minutes * 3 {
            admitted += u64::from(admit(&limiter, limit, MINUTE + request * gap / 3, &store).is_ok());
        }
        let most = u64::from(limit) * (minutes + 1);
        prop_assert!(admitted <= most);
        prop_assert!(admitted * 2 >= u64::from(limit) * minutes);
    }

    /// Within a minute, if the previous minute was unused, `remaining` only decreases.
    #[test]
    fn admit_within_a_minute_decreases_remaining(limit in 1u32..2000, instances in 1usize..4, picks in prop::collection::vec(0usize..4, 1..300)) {
        let store = Shared::default();
        let limiters: Vec<Instance> = (0..instances).map(|_| new_instance()).collect();
        let mut last = vec![limit; instances];
        for pick in picks {
            let instance = pick % instances;
            match admit(&limiters[instance], limit, MINUTE + 100, &store) {
                Ok(allowance) => {
                    prop_assert!(allowance.remaining < last[instance]);
                    last[instance] = allowance.remaining;
                }
                Err(refused) => prop_assert_eq!(refused.remaining, 0),
            }
        }
    }
}
