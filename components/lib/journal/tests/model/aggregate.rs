use std::rc::Rc;

use journal::aggregate::{Aggregate, Pairs, Rules, SnapshotPolicy};
use journal::testing::{Client, World};
use journal::{Error, Fold, Journal, Store, View};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::faults;
use crate::history::{Change, Clock, Expected, History};

const TAGS: usize = 5;
const CLEANUP_PATIENCE: u64 = 10_000;

/// A set of tags. Each tag has a key of its own beside the journal, which is deleted after the tag.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Tags {
    tags: Vec<String>,
    /// Tags whose keys are still to be deleted.
    removed: Vec<String>,
    removed_at: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Entry {
    Added(String),
    Removed { tag: String, at: u64 },
    Erased { at: u64 },
}

impl Fold for Tags {
    const VERSION: u32 = 1;
    type Entry = Entry;

    fn apply(&mut self, _number: u64, entry: Entry) {
        match entry {
            Entry::Added(tag) => {
                self.tags.retain(|existing| *existing != tag);
                self.removed.retain(|existing| *existing != tag);
                self.tags.push(tag);
            }
            Entry::Removed { tag, at } => {
                self.tags.retain(|existing| *existing != tag);
                self.removed.push(tag);
                self.removed_at = at;
            }
            Entry::Erased { at } => {
                let tags = std::mem::take(&mut self.tags);
                self.removed.extend(tags);
                self.removed_at = at;
            }
        }
    }
}

fn side_key(tag: &str) -> String {
    format!("side:{tag}")
}

struct TagRules;

impl Rules<Client> for TagRules {
    type State = Tags;
    type Error = Error;
    const SNAPSHOTS: SnapshotPolicy = SnapshotPolicy {
        min_entries: 3,
        bytes_per_entry: 4_096,
        reader_entries: 6,
        cleanup_patience: CLEANUP_PATIENCE,
    };

    fn cleanup_due(&self, state: &Tags, _now: u64) -> Option<u64> {
        (!state.removed.is_empty()).then_some(state.removed_at)
    }

    async fn clean_up(
        &self,
        journal: &Journal<Client>,
        view: &mut View<Tags>,
    ) -> Result<Pairs, Error> {
        let removed = std::mem::take(&mut view.state.removed);
        let keys: Vec<String> = removed.iter().map(|tag| side_key(tag)).collect();
        journal::delete_all(journal.platform(), &keys).await?;
        Ok(Pairs::new())
    }
}

fn aggregate(client: Client) -> Aggregate<Client, TagRules> {
    Aggregate::new(Journal::new(client, "tags"), TagRules)
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Add(usize),
    Remove(usize),
    Erase,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..TAGS).prop_map(Step::Add),
        3 => (0..TAGS).prop_map(Step::Remove),
        1 => Just(Step::Erase),
    ];
    prop::collection::vec(step, 1..15)
}

async fn take_step(
    client: &Client,
    aggregate: &Aggregate<Client, TagRules>,
    step: Step,
) -> Result<(), Error> {
    use journal::Clock as _;
    let at = client.now();
    let entry = match step {
        Step::Add(tag) => Entry::Added(tag_name(tag)),
        Step::Remove(tag) => Entry::Removed {
            tag: tag_name(tag),
            at,
        },
        Step::Erase => {
            let is_blank = |state: &Tags| state.tags.is_empty() && state.removed.is_empty();
            aggregate.erase(is_blank, |_| Entry::Erased { at }).await?;
            return Ok(());
        }
    };
    aggregate.update(|_| Ok(Some(entry))).await?;
    Ok(())
}

fn tag_name(tag: usize) -> String {
    format!("tag-{tag}-")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn aggregate_of_two_instances_with_faults_matches_the_model(
        seed in any::<u64>(),
        splits_batches in any::<bool>(),
        instances in prop::collection::vec((steps(), faults()), 2),
    ) {
        let world = World::new(seed);
        if splits_batches {
            world.split_batches();
        }
        world.set_latency(20);
        let clock = Clock::default();
        let histories: Rc<Vec<History>> = Rc::new((0..TAGS).map(|_| History::new(&clock)).collect());
        for (steps, (at, fault)) in instances {
            let client = world.client().with_fault(at, fault);
            let aggregate = aggregate(client.clone());
            let histories = Rc::clone(&histories);
            world.spawn(async move {
                for step in steps {
                    let concerned: Vec<usize> = match step {
                        Step::Add(tag) | Step::Remove(tag) => vec![tag],
                        Step::Erase => (0..TAGS).collect(),
                    };
                    let change = match step {
                        Step::Add(_) => Change::Add,
                        Step::Remove(_) | Step::Erase => Change::Remove,
                    };
                    let begin = |tag: &usize| (*tag, histories[*tag].begin(change));
                    let begun: Vec<(usize, usize)> = concerned.iter().map(begin).collect();
                    if let Step::Add(tag) = step
                        && client.set(&side_key(&tag_name(tag)), b"x").await.is_err()
                    {
                        continue;
                    }
                    if take_step(&client, &aggregate, step).await.is_ok() {
                        begun.iter().for_each(|(tag, at)| histories[*tag].acknowledge(*at));
                    }
                }
            });
        }
        world.run();

        let reader = aggregate(world.client());
        let view = world.finish(async move { reader.read().await.unwrap() }).unwrap();
        for (tag, history) in histories.iter().enumerate() {
            let count = view.state.tags.iter().filter(|it| **it == tag_name(tag)).count();
            match history.expected() {
                Expected::Present => prop_assert_eq!(count, 1, "{}", tag_name(tag)),
                Expected::Absent => prop_assert_eq!(count, 0, "{}", tag_name(tag)),
                Expected::Either => prop_assert!(count <= 1, "{}", tag_name(tag)),
            }
        }

        // A reader does the cleanup that a dead writer left.
        world.pass(CLEANUP_PATIENCE + 1);
        let reader = aggregate(world.client());
        world.finish(async move { reader.read().await.unwrap() });
        let reader = aggregate(world.client());
        let after = world.finish(async move { reader.read().await.unwrap() }).unwrap();
        prop_assert_eq!(&after.state.tags, &view.state.tags);
        prop_assert_eq!(after.state.removed.len(), 0);

        // After an erasure, nothing of what there was is left in the store.
        let eraser = aggregate(world.client());
        let client = world.client();
        world.finish(async move { take_step(&client, &eraser, Step::Erase).await.unwrap() });
        prop_assert_eq!(world.keys_containing("tag-"), Vec::<String>::new());
        let reader = aggregate(world.client());
        let blank = world.finish(async move { reader.read().await.unwrap() }).unwrap();
        prop_assert_eq!(blank.state.tags.len(), 0);
    }
}

#[test]
fn update_that_decides_on_nothing_writes_nothing() {
    let world = World::new(1);
    let one = aggregate(world.client());
    world.finish(async move {
        let result = one.update(|_| Ok(None)).await;
        assert_eq!(result.unwrap().position(), 0);
    });
    assert_eq!(world.take_counts().1, 0);
}

#[test]
fn append_writes_a_snapshot_after_the_least_number_of_entries() {
    let world = World::new(1);
    let one = aggregate(world.client());
    world.finish(async move {
        let mut view = one.read().await.unwrap();
        for tag in 0..3 {
            one.append(&mut view, &Entry::Added(tag_name(tag)))
                .await
                .unwrap();
            assert_eq!(view.tail(), if tag < 2 { tag as u64 + 1 } else { 0 });
        }
    });
    assert!(world.value("tags:s").is_some());
}
