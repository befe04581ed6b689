use std::cell::{Cell, RefCell};
use std::sync::{Condvar, Mutex};

use proptest::prelude::*;

use super::*;

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

impl Ledger for Shared {
    fn add(&self, slots: u32) -> Result<u64, String> {
        if self.broken.get() {
            return Err("down".to_owned());
        }
        self.writes.set(self.writes.get() + 1);
        self.count.set(self.count.get() + u64::from(slots));
        Ok(self.count.get())
    }

    fn mark(&self) -> Result<Option<Mark>, String> {
        if self.hides_mark.get() {
            return Ok(None);
        }
        Ok(*self.mark.borrow())
    }

    fn set_mark(&self, mark: Mark) -> Result<(), String> {
        self.writes.set(self.writes.get() + 1);
        *self.mark.borrow_mut() = Some(mark);
        Ok(())
    }
}

/// The beginning of some minute, in milliseconds.
const MINUTE: u64 = 29_400_000 * WINDOW_MS;

fn admit(book: &mut Book, limit: u32, now: u64, ledger: &Shared) -> Result<Allowance, Allowance> {
    book.admit("subject", limit, now, ledger)
        .map_err(|refused| match refused {
            Refused::Exceeded(allowance) => allowance,
            Refused::Store(text) => panic!("{text}"),
        })
}

#[test]
fn exactly_the_limit_is_admitted_in_a_minute() {
    for limit in [1, 20, 60, 600, 1000] {
        let (mut book, ledger) = (Book::new(), Shared::default());
        for taken in 1..=limit {
            let allowance = admit(&mut book, limit, MINUTE + u64::from(taken), &ledger).unwrap();
            assert_eq!(allowance.limit, limit);
            assert_eq!(allowance.remaining, limit - taken);
            assert!(allowance.reset_after >= 1);
        }
        let refused = admit(&mut book, limit, MINUTE + 2000, &ledger).unwrap_err();
        assert_eq!(refused.remaining, 0);
    }
}

#[test]
fn a_small_limit_is_exact_over_many_instances() {
    let ledger = Shared::default();
    let mut books: Vec<Book> = (0..7).map(|_| Book::new()).collect();
    for taken in 0..60 {
        admit(&mut books[taken % 7], 60, MINUTE, &ledger).unwrap();
    }
    for book in &mut books {
        admit(book, 60, MINUTE, &ledger).unwrap_err();
    }
}

#[test]
fn a_chat_costs_one_write_and_a_new_minute_one_more() {
    let (mut book, ledger) = (Book::new(), Shared::default());
    for minute in 0..3 {
        for chat in 0..10 {
            let before = ledger.writes.get();
            let now = MINUTE + minute * WINDOW_MS + 5000 + chat * 1000;
            admit(&mut book, 60, now, &ledger).unwrap();
            let expected = if chat == 0 { 2 } else { 1 };
            assert_eq!(ledger.writes.get() - before, expected);
        }
    }
}

#[test]
fn cheap_requests_are_written_in_leases() {
    let (mut book, ledger) = (Book::new(), Shared::default());
    for _ in 0..128 {
        admit(&mut book, 600, MINUTE, &ledger).unwrap();
    }
    assert_eq!(ledger.writes.get(), 14);
    let (mut book, ledger) = (Book::new(), Shared::default());
    for _ in 0..128 {
        admit(&mut book, 1_000_000, MINUTE, &ledger).unwrap();
    }
    assert_eq!(ledger.writes.get(), 5);
}

#[test]
fn refused_requests_write_nothing_and_do_not_extend_the_wait() {
    let (mut book, ledger) = (Book::new(), Shared::default());
    for _ in 0..60 {
        admit(&mut book, 60, MINUTE, &ledger).unwrap();
    }
    let writes = ledger.writes.get();
    // Hammering through the rest of this minute and the whole next one.
    let mut admitted = 0;
    for now in (MINUTE..MINUTE + 2 * WINDOW_MS).step_by(100) {
        admitted += u32::from(admit(&mut book, 60, now, &ledger).is_ok());
    }
    // As the minute fades, its share comes back.
    assert_eq!(admitted, 59);
    // A write for each that was admitted, the mark, and one slot that waits for its time.
    assert!(ledger.writes.get() - writes <= 59 + 3);
}

#[test]
fn hammering_does_not_starve_a_limit_of_one() {
    let (mut book, ledger) = (Book::new(), Shared::default());
    let mut admitted = 0;
    for now in (MINUTE..MINUTE + 10 * WINDOW_MS).step_by(500) {
        admitted += u32::from(admit(&mut book, 1, now, &ledger).is_ok());
    }
    assert_eq!(admitted, 5);
}

#[test]
fn no_limit_writes_nothing() {
    let (mut book, ledger) = (Book::new(), Shared::default());
    assert_eq!(admit(&mut book, 0, MINUTE, &ledger).unwrap().limit, 0);
    assert_eq!(ledger.writes.get(), 0);
}

#[test]
fn a_broken_store_is_told_apart_from_a_refusal() {
    let (mut book, ledger) = (Book::new(), Shared::default());
    ledger.broken.set(true);
    let refused = book.admit("subject", 60, MINUTE, &ledger).unwrap_err();
    assert_eq!(refused, Refused::Store("down".to_owned()));
    ledger.broken.set(false);
    admit(&mut book, 60, MINUTE, &ledger).unwrap();
}

#[test]
fn a_mark_that_was_written_too_late_is_put_right() {
    let ledger = Shared::default();
    let (mut first, mut second, mut third) = (Book::new(), Book::new(), Book::new());
    // Both begin the minute, and the one that came second marks it last.
    ledger.hides_mark.set(true);
    admit(&mut first, 60, MINUTE, &ledger).unwrap();
    admit(&mut second, 60, MINUTE, &ledger).unwrap();
    ledger.hides_mark.set(false);
    assert_eq!(ledger.mark.borrow().unwrap().start, 1);
    admit(&mut first, 60, MINUTE, &ledger).unwrap();
    assert_eq!(ledger.mark.borrow().unwrap().start, 0);
    for taken in 3..60 {
        let book = [&mut second, &mut third].into_iter().nth(taken % 2);
        admit(book.unwrap(), 60, MINUTE, &ledger).unwrap();
    }
    for book in [&mut first, &mut second, &mut third] {
        admit(book, 60, MINUTE, &ledger).unwrap_err();
    }
}

/// A ledger whose operations wait for their turn.
struct InTurns<'a> {
    store: &'a Mutex<(u64, Option<Mark>)>,
    /// Whose turn each operation is; past its end, nobody waits.
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

impl Ledger for InTurns<'_> {
    fn add(&self, slots: u32) -> Result<u64, String> {
        Ok(self.operate(|(count, _)| {
            *count += u64::from(slots);
            *count
        }))
    }

    fn mark(&self) -> Result<Option<Mark>, String> {
        Ok(self.operate(|(_, mark)| *mark))
    }

    fn set_mark(&self, new: Mark) -> Result<(), String> {
        self.operate(|(_, mark)| *mark = Some(new));
        Ok(())
    }
}

/// Two instances begin a minute at once, every way that their operations can fall between each
/// other, and then the last `staying` of them and a third one take what is left.
fn begun_together(limit: u32, staying: usize) -> Vec<u32> {
    const OPERATIONS: u32 = 10;
    let schedules = 0..1u32 << OPERATIONS;
    let admitted = schedules.map(|schedule| {
        let turns = (0..OPERATIONS).map(|bit| (schedule >> bit & 1) as usize);
        let turns: Vec<usize> = turns.collect();
        let store = Mutex::new((100, None));
        let next = (Mutex::new(0), Condvar::new());
        let ledger = |own, turns| InTurns {
            store: &store,
            turns,
            next: &next,
            own,
        };
        let mut books = std::thread::scope(|scope| {
            let begin = |own| {
                let (ledger, next) = (ledger(own, &turns), &next);
                scope.spawn(move || {
                    let mut book = Book::new();
                    book.admit("subject", limit, MINUTE, &ledger).unwrap();
                    // Whoever is done holds up nobody.
                    *next.0.lock().unwrap() += turns_of_all();
                    next.1.notify_all();
                    book
                })
            };
            let begun = [begin(0), begin(1)];
            begun.map(|thread| thread.join().unwrap()).to_vec()
        });
        let mut books = books.split_off(2 - staying);
        books.push(Book::new());
        let tries = 3 * limit as usize;
        let ledger = ledger(0, &[]);
        let also = (0..tries).filter(|turn| {
            let book = &mut books[turn % (staying + 1)];
            book.admit("subject", limit, MINUTE, &ledger).is_ok()
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
fn who_begins_a_minute_together_is_counted_together() {
    assert!(begun_together(6, 2).iter().all(|admitted| *admitted == 6));
}

#[test]
fn one_too_many_at_most_if_the_first_is_never_asked_again() {
    let admitted = begun_together(6, 1);
    assert!(admitted.iter().all(|admitted| (6..=7).contains(admitted)));
    let beyond = admitted.iter().filter(|admitted| **admitted > 6).count();
    assert!(beyond * 20 < admitted.len(), "{beyond}");
}

#[test]
fn clocks_may_differ() {
    let ledger = Shared::default();
    let (mut ahead, mut behind) = (Book::new(), Book::new());
    for _ in 0..30 {
        admit(&mut ahead, 60, MINUTE + WINDOW_MS, &ledger).unwrap();
        admit(&mut behind, 60, MINUTE + WINDOW_MS - 500, &ledger).unwrap();
    }
    admit(&mut ahead, 60, MINUTE + WINDOW_MS, &ledger).unwrap_err();
    admit(&mut behind, 60, MINUTE + WINDOW_MS - 500, &ledger).unwrap_err();
}

#[test]
fn a_book_stays_small() {
    let mut book = Book::new();
    for subject in 0..3 * MAX_ENTRIES {
        let key = format!("subject{subject}");
        book.admit(&key, 60, MINUTE, &Shared::default()).unwrap();
    }
    assert!(book.entries().len() <= MAX_ENTRIES);
}

#[test]
fn a_mark_is_read_as_it_was_written() {
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
    fn no_minute_admits_more_than_the_limit(
        limit in 1u32..300,
        requests in prop::collection::vec((0u64..2000, 0usize..4, 0u32..50), 1..800),
    ) {
        let ledger = Shared::default();
        let mut books: Vec<Book> = (0..4).map(|_| Book::new()).collect();
        let mut now = MINUTE;
        let mut admitted = Vec::new();
        for (gap, instance, end) in requests {
            now += gap * gap / 4000;
            if end == 0 {
                books[instance] = Book::new();
            }
            match admit(&mut books[instance], limit, now, &ledger) {
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

    /// Whoever waits as long as told gets in.
    #[test]
    fn the_wait_is_as_long_as_told(
        limit in 1u32..200,
        gaps in prop::collection::vec(0u64..3000, 1..400),
    ) {
        let (mut book, ledger) = (Book::new(), Shared::default());
        let mut now = MINUTE;
        for gap in gaps {
            now += gap;
            if let Err(refused) = admit(&mut book, limit, now, &ledger) {
                now += u64::from(refused.reset_after) * 1000;
                prop_assert!(admit(&mut book, limit, now, &ledger).is_ok());
            }
        }
    }

    /// Evenly spread requests are held to the limit exactly.
    #[test]
    fn a_steady_client_gets_its_limit(limit in 1u32..60) {
        let (mut book, ledger) = (Book::new(), Shared::default());
        let gap = (WINDOW_MS / u64::from(limit)).max(1);
        let minutes = 10;
        let mut admitted = 0;
        for request in 0..u64::from(limit) * minutes * 3 {
            admitted += u64::from(admit(&mut book, limit, MINUTE + request * gap / 3, &ledger).is_ok());
        }
        let most = u64::from(limit) * (minutes + 1);
        prop_assert!(admitted <= most);
        prop_assert!(admitted * 2 >= u64::from(limit) * minutes);
    }

    /// Within a minute, and while nothing fades, `remaining` only falls.
    #[test]
    fn remaining_falls(limit in 1u32..2000, instances in 1usize..4, picks in prop::collection::vec(0usize..4, 1..300)) {
        let ledger = Shared::default();
        let mut books: Vec<Book> = (0..instances).map(|_| Book::new()).collect();
        let mut last = vec![limit; instances];
        for pick in picks {
            let instance = pick % instances;
            match admit(&mut books[instance], limit, MINUTE + 100, &ledger) {
                Ok(allowance) => {
                    prop_assert!(allowance.remaining < last[instance]);
                    last[instance] = allowance.remaining;
                }
                Err(refused) => prop_assert_eq!(refused.remaining, 0),
            }
        }
    }
}
