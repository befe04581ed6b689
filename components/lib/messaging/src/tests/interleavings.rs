//! Operations on one channel whose statements are interleaved in random order: their outcomes and the final state are as
//! if they had run one after the other, and the rules hold.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures::executor::block_on;
use proptest::prelude::*;

use super::{World, new_message, short, user};
use crate::bindings::exports::goldfish::messaging::channels::Changes;
use crate::rules::{ActorRank, Channel, Outcome, Rank};
use crate::types::{Error, Role, TextChange};
use sql::testing::Driver;

/// Users by number; the first one creates the channel.
const USERS: [&str; 4] = ["u0", "u1", "u2", "u3"];

#[derive(Clone, Copy, Debug)]
enum Operation {
    Join(usize),
    Leave(usize),
    Add(usize, usize),
    SetRole(usize, usize, Role),
    Transfer(usize, usize),
    Remove(usize, usize),
    Ban(usize, usize),
    LiftBan(usize, usize),
    SetPrivate(usize, bool),
    Post(usize),
}

/// The result of an operation: `ok`, or the error.
type TextOutcome = String;

/// The channel as a list of ranks, in the order of joining.
#[derive(Clone, Debug, PartialEq)]
struct Model {
    is_private: bool,
    ranks: Vec<(usize, Rank)>,
    posts: Vec<usize>,
}

impl Model {
    fn new() -> Self {
        Self {
            is_private: false,
            ranks: vec![(0, Rank::Owner)],
            posts: Vec::new(),
        }
    }

    fn rank(&self, user: usize) -> Option<Rank> {
        self.ranks
            .iter()
            .find(|(other, _)| *other == user)
            .map(|(_, rank)| *rank)
    }

    fn set(&mut self, user: usize, rank: Option<Rank>) {
        match (
            rank,
            self.ranks.iter().position(|(other, _)| *other == user),
        ) {
            (Some(rank), Some(place)) => self.ranks[place].1 = rank,
            (Some(rank), None) => self.ranks.push((user, rank)),
            (None, Some(place)) => drop(self.ranks.remove(place)),
            (None, None) => {}
        }
    }

    fn seen_by(&self, user: usize) -> Channel {
        let admins = self
            .ranks
            .iter()
            .filter(|(_, rank)| *rank >= Rank::Admin)
            .count();
        Channel {
            id: String::new(),
            is_private: self.is_private,
            version: 0,
            admin_count: i64::try_from(admins).unwrap(),
            actor: ActorRank::User(self.rank(user)),
        }
    }

    /// The owner who left or stepped down is followed by the admin who joined first.
    fn pass_on(&mut self) {
        if self.ranks.iter().all(|(_, rank)| *rank != Rank::Owner)
            && let Some(next) = self.ranks.iter_mut().find(|(_, rank)| *rank == Rank::Admin)
        {
            next.1 = Rank::Owner;
        }
    }

    fn apply(&mut self, operation: Operation) -> TextOutcome {
        let outcome = self.try_apply(operation);
        self.pass_on();
        outcome.map_or_else(|error| short(&error), |()| "ok".to_owned())
    }

    fn try_apply(&mut self, operation: Operation) -> Result<(), Error> {
        match operation {
            Operation::Join(user) => {
                if self.seen_by(user).join()? == Outcome::Change {
                    self.set(user, Some(Rank::Member));
                }
            }
            Operation::Leave(user) => {
                self.seen_by(user).leave()?;
                self.set(user, None);
            }
            Operation::Add(user, target) => {
                if self.seen_by(user).add(self.rank(target))? == Outcome::Change {
                    self.set(target, Some(Rank::Member));
                }
            }
            Operation::SetRole(user, target, role) => {
                if self.seen_by(user).set_role(self.rank(target), role)? == Outcome::Change {
                    self.step_down(target, Rank::of_role(role));
                }
            }
            Operation::Transfer(user, target) => {
                if self.seen_by(user).transfer(self.rank(target))? == Outcome::Change {
                    self.set(user, Some(Rank::Admin));
                    self.set(target, Some(Rank::Owner));
                }
            }
            Operation::Remove(user, target) if user == target => {
                return self.try_apply(Operation::Leave(user));
            }
            Operation::Remove(user, target) => {
                self.seen_by(user).remove(self.rank(target))?;
                self.set(target, None);
            }
            Operation::Ban(user, target) => {
                self.seen_by(user).ban(self.rank(target), user == target)?;
                self.set(target, Some(Rank::Banned));
            }
            Operation::LiftBan(user, target) => {
                self.seen_by(user).lift_ban(self.rank(target))?;
                self.set(target, None);
            }
            Operation::SetPrivate(user, is_private) => {
                self.seen_by(user)
                    .at_least(Rank::Admin, crate::types::Subject::Channel)?;
                self.is_private = is_private;
            }
            Operation::Post(user) => {
                self.seen_by(user).member(crate::types::Subject::Thread)?;
                self.posts.push(user);
            }
        }
        Ok(())
    }

    /// An owner does not follow themselves.
    fn step_down(&mut self, target: usize, rank: Rank) {
        let was_owner = self.rank(target) == Some(Rank::Owner);
        self.set(target, Some(rank));
        if was_owner {
            let next = self
                .ranks
                .iter_mut()
                .find(|(user, rank)| *user != target && *rank == Rank::Admin);
            if let Some(next) = next {
                next.1 = Rank::Owner;
            }
        }
    }

    /// Whether the operations, in some order, give these outcomes and this channel.
    fn explains(&self, open: &[(Operation, &TextOutcome)], end: &Self) -> bool {
        if open.is_empty() {
            return self == end;
        }
        (0..open.len()).any(|index| {
            let mut next = self.clone();
            let (operation, outcome) = open[index];
            let mut rest = open.to_vec();
            rest.remove(index);
            next.apply(operation) == *outcome && next.explains(&rest, end)
        })
    }
}

async fn run(world: &World, channel: &str, thread: &str, operation: Operation) -> TextOutcome {
    let session = world.session();
    let actor = |index: usize| user(USERS[index]);
    let outcome = match operation {
        Operation::Join(user) => session.join(USERS[user], channel).await.map(drop),
        Operation::Leave(user) => session.leave(USERS[user], channel).await,
        Operation::Add(user, target) => session
            .add_member(&actor(user), channel, USERS[target])
            .await
            .map(drop),
        Operation::SetRole(user, target, role) => session
            .set_role(&actor(user), channel, USERS[target], role)
            .await
            .map(drop),
        Operation::Transfer(user, target) => session
            .transfer_ownership(&actor(user), channel, USERS[target])
            .await
            .map(drop),
        Operation::Remove(user, target) => {
            session
                .remove_member(&actor(user), channel, USERS[target])
                .await
        }
        Operation::Ban(user, target) => session
            .ban(&actor(user), channel, USERS[target], None)
            .await
            .map(drop),
        Operation::LiftBan(user, target) => {
            session.lift_ban(&actor(user), channel, USERS[target]).await
        }
        Operation::SetPrivate(user, is_private) => {
            let changes = Changes {
                name: None,
                description: TextChange::Keep,
                is_private: Some(is_private),
                category: None,
                image_url: TextChange::Keep,
                banner_url: TextChange::Keep,
            };
            session
                .update_channel(&actor(user), channel, changes)
                .await
                .map(drop)
        }
        Operation::Post(user) => session
            .post(USERS[user], new_message(thread, "Hello"))
            .await
            .map(drop),
    };
    outcome.map_or_else(|error| short(&error), |()| "ok".to_owned())
}

/// Polls the operations in the order of the schedule, until all have finished.
fn interleave<'a>(
    mut open: Vec<Pin<Box<dyn Future<Output = TextOutcome> + 'a>>>,
    schedule: &[usize],
) -> Vec<TextOutcome> {
    let mut outcomes: Vec<Option<TextOutcome>> = open.iter().map(|_| None).collect();
    let mut context = Context::from_waker(Waker::noop());
    for turn in schedule.iter().copied().chain(0..) {
        let waiting: Vec<usize> = (0..open.len())
            .filter(|index| outcomes[*index].is_none())
            .collect();
        let Some(next) = waiting.get(turn % waiting.len().max(1)) else {
            break;
        };
        if let Poll::Ready(outcome) = open[*next].as_mut().poll(&mut context) {
            outcomes[*next] = Some(outcome);
        }
    }
    outcomes.into_iter().flatten().collect()
}

/// The channel as it is in the database, and its rules.
fn read(world: &World, thread: &str) -> Model {
    let texts = |query: &str| world.driver.texts(query, &[]).unwrap();
    let ranks: Vec<(usize, Rank)> =
        texts("SELECT user_id || ' ' || CAST(rank AS TEXT) FROM members ORDER BY key")
            .iter()
            .map(|row| {
                let (user, rank) = row.split_once(' ').unwrap();
                let user = USERS.iter().position(|id| *id == user).unwrap();
                (user, Rank::from_number(rank.parse().unwrap()).unwrap())
            })
            .collect();
    let count = |least: Rank| ranks.iter().filter(|(_, rank)| *rank >= least).count();
    assert_eq!(count(Rank::Owner), 1, "{ranks:?}");
    let counts = "SELECT CAST(member_count AS TEXT) || ' ' || CAST(admin_count AS TEXT) || ' ' || owner_id FROM channels";
    let owner = ranks
        .iter()
        .find(|(_, rank)| *rank == Rank::Owner)
        .unwrap()
        .0;
    let expected = format!(
        "{} {} {}",
        count(Rank::Member),
        count(Rank::Admin),
        USERS[owner]
    );
    assert_eq!(texts(counts), [expected]);
    let posts: Vec<usize> = texts("SELECT sender_id FROM messages ORDER BY messages.number")
        .iter()
        .map(|sender| USERS.iter().position(|id| id == sender).unwrap())
        .collect();
    let numbers = texts("SELECT CAST(number AS TEXT) FROM messages ORDER BY messages.number");
    let without_gaps: Vec<String> = (1..=posts.len()).map(|number| number.to_string()).collect();
    assert_eq!(numbers, without_gaps, "{thread}");
    Model {
        is_private: texts("SELECT CAST(is_private AS TEXT) FROM channels") == ["1"],
        ranks,
        posts,
    }
}

fn operation() -> impl Strategy<Value = Operation> {
    let user = || 0..USERS.len();
    let role = prop_oneof![
        Just(Role::Member),
        Just(Role::Moderator),
        Just(Role::Admin),
        Just(Role::Admin)
    ];
    prop_oneof![
        3 => user().prop_map(Operation::Join),
        2 => user().prop_map(Operation::Leave),
        2 => (user(), user()).prop_map(|(a, b)| Operation::Add(a, b)),
        4 => (user(), user(), role).prop_map(|(a, b, role)| Operation::SetRole(a, b, role)),
        1 => (user(), user()).prop_map(|(a, b)| Operation::Transfer(a, b)),
        2 => (user(), user()).prop_map(|(a, b)| Operation::Remove(a, b)),
        2 => (user(), user()).prop_map(|(a, b)| Operation::Ban(a, b)),
        1 => (user(), user()).prop_map(|(a, b)| Operation::LiftBan(a, b)),
        1 => (user(), any::<bool>()).prop_map(|(a, is_private)| Operation::SetPrivate(a, is_private)),
        2 => user().prop_map(Operation::Post),
    ]
}

/// Rounds of operations that run at once, each with a schedule.
fn rounds() -> impl Strategy<Value = Vec<(Vec<Operation>, Vec<usize>)>> {
    let round = (
        prop::collection::vec(operation(), 1..5),
        prop::collection::vec(0_usize..4, 0..40),
    );
    prop::collection::vec(round, 1..8)
}

fn check(driver: Driver, rounds: &[(Vec<Operation>, Vec<usize>)]) {
    let world = World::new(driver);
    let channel = block_on(world.channel(USERS[0], &[], false));
    block_on(world.users(&USERS));
    let thread = block_on(world.thread(USERS[0], &channel));
    let mut model = Model::new();
    for (operations, schedule) in rounds {
        world.driver.yields.set(true);
        let running = operations.iter().map(|operation| {
            Box::pin(run(&world, &channel, &thread, *operation))
                as Pin<Box<dyn Future<Output = TextOutcome>>>
        });
        let outcomes = interleave(running.collect(), schedule);
        world.driver.yields.set(false);
        let end = read(&world, &thread);
        let open: Vec<_> = operations.iter().copied().zip(&outcomes).collect();
        assert!(model.explains(&open, &end), "{model:?}\n{open:?}\n{end:?}");
        model = end;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn interleaved_operations_are_as_if_one_after_the_other_on_sqlite(rounds in rounds()) {
        check(Driver::sqlite(), &rounds);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn interleaved_operations_are_as_if_one_after_the_other_on_postgres(rounds in rounds()) {
        if let Some(driver) = Driver::postgres() {
            check(driver, &rounds);
        }
    }
}

/// Operations from several connections at the same time, which wait for each other's locks.
fn in_parallel(driver: Driver) {
    let world = World::new(driver);
    let channel = block_on(world.channel(USERS[0], &[], false));
    block_on(world.users(&USERS));
    let thread = block_on(world.thread(USERS[0], &channel));
    let outcomes = std::sync::Mutex::new(BTreeMap::<TextOutcome, usize>::new());
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let driver = world.driver.another();
            let (channel, thread, outcomes) = (&channel, &thread, &outcomes);
            scope.spawn(move || {
                let world = World { driver };
                for round in 0..60 {
                    let (a, b) = ((worker + round) % 4, (worker + round / 4) % 4);
                    let operation = match (worker * 7 + round) % 9 {
                        0 | 1 => Operation::Join(worker),
                        2 => Operation::SetRole(a, b, Role::Admin),
                        3 => Operation::SetRole(a, a, Role::Member),
                        4 => Operation::Leave(worker),
                        5 => Operation::Ban(a, b),
                        6 => Operation::LiftBan(a, b),
                        7 => Operation::Remove(a, b),
                        _ => Operation::Post(worker),
                    };
                    let outcome = block_on(run(&world, channel, thread, operation));
                    *outcomes.lock().unwrap().entry(outcome).or_default() += 1;
                }
            });
        }
    });
    read(&world, &thread);
    let outcomes = outcomes.into_inner().unwrap();
    assert!(outcomes["ok"] > 20, "{outcomes:?}");
    let unavailable: Vec<_> = outcomes
        .keys()
        .filter(|outcome| outcome.starts_with("Unavailable"))
        .collect();
    assert!(unavailable.is_empty(), "{unavailable:?}");
}

#[test]
fn parallel_operations_keep_the_rules_on_sqlite() {
    in_parallel(Driver::sqlite());
}

#[test]
fn parallel_operations_keep_the_rules_on_postgres() {
    if let Some(driver) = Driver::postgres() {
        in_parallel(driver);
    }
}

/// Writers on several connections: each number once, and every acknowledged message is there.
fn posting(driver: Driver) {
    let world = World::new(driver);
    let channel = block_on(world.channel(USERS[0], &USERS[1..], false));
    let thread = block_on(world.thread(USERS[0], &channel));
    std::thread::scope(|scope| {
        for name in USERS {
            let driver = world.driver.another();
            let thread = &thread;
            scope.spawn(move || {
                let world = World { driver };
                for round in 0..100 {
                    let mut message = new_message(thread, "Hello");
                    message.client_id = Some(format!("{}", round / 2));
                    let posted = block_on(world.session().post(name, message)).unwrap();
                    assert_eq!(posted.existed, round % 2 == 1);
                }
            });
        }
    });
    let numbers = world.driver.texts(
        "SELECT CAST(number AS TEXT) FROM messages ORDER BY messages.number",
        &[],
    );
    let expected: Vec<String> = (1..=200).map(|number| number.to_string()).collect();
    assert_eq!(numbers.unwrap(), expected);
}

#[test]
fn parallel_posts_have_numbers_without_gaps_on_sqlite() {
    posting(Driver::sqlite());
}

#[test]
fn parallel_posts_have_numbers_without_gaps_on_postgres() {
    if let Some(driver) = Driver::postgres() {
        posting(driver);
    }
}
