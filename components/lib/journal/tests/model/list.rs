use std::rc::Rc;

use journal::list::List;
use journal::testing::World;
use proptest::prelude::*;

use crate::faults;
use crate::history::{Change, Clock, Expected, History};

const IDS: usize = 4;

/// Reads all pages of a size.
fn ids(world: &World, entries: u64) -> Vec<String> {
    let list = List::new(world.client(), "list");
    let read = world.finish(async move {
        let (mut ids, mut cursor) = (Vec::new(), 0);
        loop {
            let page = list.page(cursor, entries).await.unwrap();
            ids.extend(page.items.into_iter().map(|item| item.id));
            match page.next {
                Some(next) => cursor = next,
                None => return ids,
            }
        }
    });
    read.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn list_of_two_instances_with_faults_matches_the_model(
        seed in any::<u64>(),
        instances in prop::collection::vec(
            (prop::collection::vec((0..IDS, any::<bool>()), 1..12), faults()),
            2,
        ),
        entries in 1_u64..20,
    ) {
        let world = World::new(seed);
        world.set_latency(20);
        let clock = Clock::default();
        let histories: Rc<Vec<History>> = Rc::new((0..IDS).map(|_| History::new(&clock)).collect());
        for (changes, (at, fault)) in instances {
            let list = List::new(world.client().with_fault(at, fault), "list");
            let histories = Rc::clone(&histories);
            world.spawn(async move {
                for (id, adds) in changes {
                    let change = if adds { Change::Add } else { Change::Remove };
                    let name = format!("id{id}");
                    let operation = histories[id].begin(change);
                    let result = match change {
                        Change::Add => list.add(&name).await,
                        Change::Remove => list.remove(&name).await,
                    };
                    if result.is_ok() {
                        histories[id].acknowledge(operation);
                    }
                }
            });
        }
        world.run();
        let listed = ids(&world, entries);
        prop_assert_eq!(&listed, &ids(&world, 1_000), "the size of pages does not matter");
        for (id, history) in histories.iter().enumerate() {
            let count = listed.iter().filter(|it| **it == format!("id{id}")).count();
            match history.expected() {
                Expected::Present => prop_assert_eq!(count, 1, "id{}", id),
                Expected::Absent => prop_assert_eq!(count, 0, "id{}", id),
                Expected::Either => prop_assert!(count <= 1, "id{}", id),
            }
        }
    }
}

#[test]
fn counts_of_repeated_changes_count_each_once() {
    let world = World::new(1);
    let list = List::new(world.client(), "list");
    let counts = world.finish(async move {
        for id in ["a", "b", "a"] {
            list.add(id).await.unwrap();
        }
        list.remove("a").await.unwrap();
        list.remove("a").await.unwrap();
        list.remove("never").await.unwrap();
        list.add("a").await.unwrap();
        list.counts().await.unwrap()
    });
    let counts = counts.unwrap();
    assert_eq!((counts.added, counts.removed), (3, 1));
    assert_eq!(ids(&world, 1), ["b", "a"]);
}
