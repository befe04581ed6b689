//! The fold as such: pure, and the same from any snapshot.

use journal::Fold;
use proptest::prelude::*;

use crate::entries::{
    Begins, Confirmed, End, Entry, Message, Outcome, Preferences, Reasoning, Regenerated, Version,
};
use crate::state::{State, all_turns};

const CONVERSATIONS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn conversation_id() -> impl Strategy<Value = String> {
    prop::sample::select(CONVERSATIONS.to_vec()).prop_map(str::to_owned)
}

fn entry() -> impl Strategy<Value = Entry> {
    let conversation = prop::sample::select(CONVERSATIONS.to_vec()).prop_map(str::to_owned);
    let message = (
        conversation.clone(),
        0_u8..40,
        1_u64..60,
        prop::option::of((
            1_u32..5,
            prop::collection::vec((conversation.clone(), 1_u64..80), 0..3),
        )),
    );
    prop_oneof![
        6 => message.prop_map(|(conversation, id, time, begins)| Entry::Message(Message {
            conversation,
            id: format!("m{id}"),
            reply: format!("r{id}"),
            time,
            model: "model".to_owned(),
            text: format!("text {id}"),
            attachments: Vec::new(),
            begins: begins.map(|(limit, touched)| Begins { limit, undo: 10, touched, failed: Vec::new() }),
            absent_from: None,
            name: None,
            version: None,
            request: None,
        })),
        1 => (conversation.clone(), 1_u64..60).prop_map(|(conversation, time)| Entry::Renamed {
            conversation,
            title: "another".to_owned(),
            time,
        }),
        1 => (conversation, 1_u64..60).prop_map(|(conversation, time)| Entry::Deleted {
            conversation,
            time,
        }),
        3 => (conversation_id(), prop::option::of(0_u8..40), 1_u64..60, 1_u32..5).prop_map(
            |(conversation, reply, time, limit)| Entry::Confirmed(Confirmed {
                conversation,
                reply: reply.map(|id| format!("r{id}")),
                time,
                begins: Begins { limit, undo: 10, touched: Vec::new(), failed: Vec::new() },
            }),
        ),
        2 => (conversation_id(), 0_u8..40, 0_u64..60, any::<bool>(), 1_u64..60).prop_map(
            |(conversation, id, latest, at_once, time)| Entry::Regenerated(Regenerated {
                conversation,
                version: Version {
                    of: format!("r{id}"),
                    latest,
                    at_once,
                    drops: vec![format!("r{}", id / 2)],
                },
                reply: format!("r{}", 100 + latest),
                time,
                model: "model".to_owned(),
                request: None,
            }),
        ),
        1 => (conversation_id(), 0_u8..120, 1_u64..60).prop_map(|(conversation, id, time)| {
            Entry::Chosen { conversation, version: format!("r{id}"), time }
        }),
        1 => (conversation_id(), 0_u32..4, 1_u64..60).prop_map(|(conversation, limit, time)| {
            Entry::Pinned { conversation, limit, time }
        }),
        1 => (conversation_id(), 1_u64..60, 1_u32..5).prop_map(|(conversation, time, limit)| {
            Entry::Restored {
                conversation,
                time,
                begins: Begins { limit, undo: 10, touched: Vec::new(), failed: Vec::new() },
            }
        }),
        1 => (1_u64..60).prop_map(|time| Entry::EvictionsExpired { time }),
        1 => (1_u64..60).prop_map(|time| Entry::Cleared { time }),
        1 => "[a-z]{0,3}".prop_map(|text| Entry::Preferences(Preferences {
            system_prompt: Some(text),
            ..Preferences::default()
        })),
    ]
}

fn fold<'a>(mut state: State, entries: impl IntoIterator<Item = (u64, &'a Entry)>) -> State {
    for (number, entry) in entries {
        state.apply(number, entry.clone());
    }
    state
}

fn numbered(entries: &[Entry]) -> impl Iterator<Item = (u64, &Entry)> {
    (1_u64..).zip(entries)
}

/// Which entries a reader still reaches.
fn reachable(state: &State) -> Vec<u64> {
    let evicted = state.evicted.iter().map(|evicted| &evicted.conversation);
    let turns = state
        .conversations
        .iter()
        .chain(evicted)
        .flat_map(|conversation| {
            let turns = all_turns(&conversation.turns).map(|turn| turn.number);
            turns.chain(conversation.title_entries.iter().copied())
        });
    turns
        .chain(state.preference_entries.iter().copied())
        .collect()
}

#[test]
fn a_repeated_message_comes_last() {
    let message = |id: &str, begins: Option<Begins>| {
        Entry::Message(Message {
            conversation: "a".to_owned(),
            id: id.to_owned(),
            reply: format!("re {id}"),
            time: 1,
            model: "model".to_owned(),
            text: id.to_owned(),
            attachments: Vec::new(),
            begins,
            absent_from: None,
            name: None,
            version: None,
            request: None,
        })
    };
    let begins = Begins {
        limit: 3,
        undo: 10,
        touched: Vec::new(),
        failed: Vec::new(),
    };
    let entries = [
        message("first", Some(begins.clone())),
        message("second", None),
        message("first", Some(begins)),
    ];
    let state = fold(State::default(), numbered(&entries));
    let turns = state
        .conversations
        .iter()
        .flat_map(|conversation| &conversation.turns);
    let turns: Vec<(u64, &str)> = turns.map(|turn| (turn.number, turn.id.as_str())).collect();
    assert_eq!(turns, [(2, "second"), (3, "first")]);
}

proptest! {
    #[test]
    fn any_snapshot_leads_to_the_same_state(
        entries in prop::collection::vec(entry(), 0..60),
        cuts in prop::collection::vec(0_usize..60, 0..4),
    ) {
        let whole = fold(State::default(), numbered(&entries));
        for cut in cuts {
            let before = fold(State::default(), numbered(&entries).take(cut));
            let stored = serde_json::to_vec(&before).unwrap();
            let read: State = serde_json::from_slice(&stored).unwrap();
            prop_assert_eq!(&fold(read, numbered(&entries).skip(cut)), &whole);
        }
    }

    #[test]
    fn erased_texts_decide_nothing(entries in prop::collection::vec(entry(), 0..60)) {
        let whole = fold(State::default(), numbered(&entries));
        let kept = reachable(&whole);
        let redacted: Vec<Entry> = numbered(&entries)
            .map(|(number, entry)| match kept.contains(&number) {
                true => entry.clone(),
                false => entry.clone().redacted(),
            })
            .collect();
        let again = fold(State::default(), numbered(&redacted));
        prop_assert_eq!(&again.preferences, &whole.preferences);
        let ids = |state: &State| -> Vec<String> {
            state.conversations.iter().map(|conversation| conversation.id.clone()).collect()
        };
        prop_assert_eq!(ids(&again), ids(&whole));
        prop_assert_eq!(reachable(&again), reachable(&whole));
    }

    #[test]
    fn replies_decide_nothing(
        entries in prop::collection::vec(entry(), 0..60),
        ends in prop::collection::vec((0_usize..60, 1_u64..60, 1_u64..90), 0..10),
    ) {
        let whole = fold(State::default(), numbered(&entries));
        let mut state = State::default();
        for (at, (number, entry)) in numbered(&entries).enumerate() {
            state.apply(number, entry.clone());
            for (_, turn, time) in ends.iter().filter(|(when, ..)| *when == at) {
                state.settle(*turn, &End {
                    time: *time,
                    outcome: Outcome::Complete,
                    text: "reply".to_owned(),
                    deltas: 0,
                    lengths: Vec::new(),
                    usage: None,
                    reasoning: Reasoning::default(),
                    failure: None,
                    model: None,
                });
            }
        }
        let decided = |state: &State| -> Vec<(String, u64)> {
            let conversation = state.conversations.iter();
            conversation.map(|conversation| (conversation.id.clone(), conversation.touched)).collect()
        };
        prop_assert_eq!(decided(&state), decided(&whole));
    }

    #[test]
    fn no_more_count_than_the_limit_allows(entries in prop::collection::vec(entry(), 0..60)) {
        let mut state = State::default();
        for (number, entry) in numbered(&entries) {
            let confirmed = match entry {
                Entry::Confirmed(confirmed) => state
                    .conversation(&confirmed.conversation)
                    .filter(|conversation| !conversation.counts())
                    .map(|_| usize::try_from(confirmed.begins.limit).unwrap()),
                _ => None,
            };
            state.apply(number, entry.clone());
            if let Some(limit) = confirmed {
                let counted = state.conversations.iter().filter(|conversation| conversation.counts());
                let pinned = state.pinned_count(None);
                prop_assert!(counted.count() <= limit.max(pinned + 1));
            }
        }
    }
}
