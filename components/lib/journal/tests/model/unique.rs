use std::collections::BTreeMap;
use std::rc::Rc;

use journal::testing::{Client, World};
use journal::unique::{Acquired, Claim, Holding, Owners, PATIENCE, Unique};
use journal::{Error, Fold, Journal, View};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::faults;
use crate::history::{Change, Clock, Expected, History};

const NAMES: usize = 2;
const OWNERS: usize = 3;

/// The names that an owner holds, by claim.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Owner {
    held: BTreeMap<String, usize>,
    barred: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Entry {
    Took { claim: String, name: usize },
    GaveUp(String),
    Barred(String),
}

impl Fold for Owner {
    const VERSION: u32 = 1;
    type Entry = Entry;

    fn apply(&mut self, _number: u64, entry: Entry) {
        match entry {
            Entry::Took { claim, name } => {
                if !self.barred.contains(&claim) {
                    self.held.insert(claim, name);
                }
            }
            Entry::GaveUp(claim) => {
                self.held.remove(&claim);
                self.barred.push(claim);
            }
            Entry::Barred(claim) => {
                if !self.held.contains_key(&claim) {
                    self.barred.push(claim);
                }
            }
        }
    }
}

fn owner_journal(client: &Client, owner: &str) -> Journal<Client> {
    Journal::new(client.clone(), format!("owner:{owner}"))
}

fn name(client: &Client, name: usize) -> Unique<Client> {
    Unique::new(client.clone(), format!("name:{name}"))
}

struct AllOwners(Client);

impl AllOwners {
    fn holding_of(view: &View<Owner>, claim: &Claim) -> Holding {
        if view.state.held.contains_key(&claim.id) {
            Holding::Held
        } else if view.state.barred.contains(&claim.id) {
            Holding::Never
        } else {
            Holding::Possible
        }
    }
}

impl Owners for AllOwners {
    type Error = Error;

    async fn holding(&self, claim: &Claim) -> Result<Holding, Error> {
        let view = owner_journal(&self.0, &claim.owner).read().await?;
        Ok(Self::holding_of(&view, claim))
    }

    async fn bar(&self, claim: &Claim) -> Result<Holding, Error> {
        let journal = owner_journal(&self.0, &claim.owner);
        let mut view = journal.read::<Owner>().await?;
        let entry = Entry::Barred(claim.id.clone());
        journal.append(&mut view, &entry).await?;
        Ok(Self::holding_of(&view, claim))
    }
}

/// Takes a name for an owner; true if the owner has it afterwards.
async fn take(client: &Client, of: usize, owner: &str, claim: &str) -> Result<bool, Error> {
    let owners = AllOwners(client.clone());
    let unique = name(client, of);
    match unique.acquire(&owners, owner, claim).await? {
        Acquired::Taken(holder) => return Ok(holder == owner),
        Acquired::Contested => return Ok(false),
        Acquired::Claimed => {}
    }
    let journal = owner_journal(client, owner);
    let mut view = journal.read::<Owner>().await?;
    let entry = Entry::Took {
        claim: claim.to_owned(),
        name: of,
    };
    journal.append(&mut view, &entry).await?;
    Ok(view.state.held.contains_key(claim))
}

/// Gives up all claims to a name that an owner holds.
async fn give_up(client: &Client, of: usize, owner: &str) -> Result<(), Error> {
    let journal = owner_journal(client, owner);
    let mut view = journal.read::<Owner>().await?;
    let claims: Vec<String> = view.state.held.keys().cloned().collect();
    for claim in claims {
        if view.state.held.get(&claim) == Some(&of) {
            let entry = Entry::GaveUp(claim.clone());
            journal.append(&mut view, &entry).await?;
            name(client, of).release(&claim).await?;
        }
    }
    Ok(())
}

/// The owners and claims that hold a name.
fn holders(world: &World, of: usize) -> Vec<(String, String)> {
    let mut holders = Vec::new();
    for owner in 0..OWNERS {
        let owner = owner.to_string();
        let journal = owner_journal(&world.client(), &owner);
        let view = world.finish(async move { journal.read::<Owner>().await.unwrap() });
        let held = view.unwrap().state.held;
        let claims = held.into_iter().filter(|(_, held)| *held == of);
        holders.extend(claims.map(|(claim, _)| (owner.clone(), claim)));
    }
    holders
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn unique_names_of_two_instances_with_faults_have_one_owner_each(
        seed in any::<u64>(),
        rounds in prop::collection::vec(
            (
                prop::collection::vec(
                    (
                        prop::collection::vec((0..OWNERS, 0..NAMES, any::<bool>()), 1..5),
                        faults(),
                    ),
                    2,
                ),
                0..2 * PATIENCE,
            ),
            1..4,
        ),
    ) {
        let world = World::new(seed);
        world.set_latency(20);
        let clock = Clock::default();
        let histories = (0..OWNERS * NAMES).map(|_| History::new(&clock));
        let histories: Rc<Vec<History>> = Rc::new(histories.collect());
        for (round, (instances, pause)) in rounds.into_iter().enumerate() {
            for (instance, (steps, (at, fault))) in instances.into_iter().enumerate() {
                let client = world.client().with_fault(at, fault);
                let histories = Rc::clone(&histories);
                world.spawn(async move {
                    for (step, (owner, of, takes)) in steps.into_iter().enumerate() {
                        let history = &histories[owner * NAMES + of];
                        let owner = owner.to_string();
                        let change = if takes { Change::Add } else { Change::Remove };
                        let operation = history.begin(change);
                        let claim = format!("{round}.{instance}.{step}");
                        let done = match change {
                            Change::Add => take(&client, of, &owner, &claim).await,
                            Change::Remove => give_up(&client, of, &owner).await.map(|()| true),
                        };
                        if done == Ok(true) {
                            history.acknowledge(operation);
                        }
                    }
                });
            }
            world.run();
            for of in 0..NAMES {
                let held = holders(&world, of);
                prop_assert!(held.len() <= 1, "{:?}", held);
                let unique = name(&world.client(), of);
                let claim = world.finish(async move { unique.claim().await.unwrap() }).unwrap();
                if let Some((owner, id)) = held.first() {
                    let claim = claim.map(|claim| (claim.owner, claim.id));
                    prop_assert_eq!(claim, Some((owner.clone(), id.clone())));
                }
                for owner in 0..OWNERS {
                    let holds = held.iter().any(|(holder, _)| *holder == owner.to_string());
                    match histories[owner * NAMES + of].expected() {
                        Expected::Present => prop_assert!(holds, "{} of {}", of, owner),
                        Expected::Absent => prop_assert!(!holds, "{} of {}", of, owner),
                        Expected::Either => {}
                    }
                }
            }
            world.pass(pause);
        }
        // A name without an owner can be acquired in the end.
        world.pass(PATIENCE + 1);
        for of in 0..NAMES {
            let client = world.client();
            let owners = AllOwners(client.clone());
            let unique = name(&client, of);
            let acquired = world.finish(async move {
                // Each attempt may find another claim of a dead writer.
                for _ in 0..4 {
                    match unique.acquire(&owners, "new", "new").await.unwrap() {
                        Acquired::Contested => {}
                        other => return other,
                    }
                }
                Acquired::Contested
            });
            let acquired = acquired.unwrap();
            // The attempt may have made an unacknowledged entry of a dead writer visible.
            let expected = match holders(&world, of).first() {
                Some((owner, _)) => Acquired::Taken(owner.clone()),
                None => Acquired::Claimed,
            };
            prop_assert_eq!(acquired, expected);
        }
    }
}
