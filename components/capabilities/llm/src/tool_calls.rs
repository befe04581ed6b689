//! Putting tool calls together from the pieces that providers send. Pure.
//!
//! Providers differ: a call comes whole or in pieces, with or without an index and an id, its name in
//! one piece, in several or with each, before or after arguments, and calls are interleaved.

use crate::bindings::{Delta, ToolCallDelta};
use crate::random::random;
use serde_json::{Map, Value};

/// More calls than any model makes at once; further ones are ignored.
const MAX_CALLS: usize = 128;

/// A piece of a call, as the provider sent it.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    pub(crate) index: Option<u64>,
    pub(crate) id: String,
    pub(crate) name: String,
    /// None where the piece has no such field.
    pub(crate) arguments: Option<String>,
    /// Fields that the contract does not define.
    pub(crate) extra: Map<String, Value>,
}

/// The calls of a completion.
#[derive(Debug, Default)]
pub(crate) struct ToolCalls {
    calls: Vec<Call>,
    /// The call that the last piece belonged to.
    current: Option<usize>,
    /// How many have been passed on.
    begun: u32,
    ids: Vec<String>,
}

#[derive(Debug, Default)]
struct Call {
    index: Option<u64>,
    id: String,
    name: String,
    /// Not yet passed on.
    arguments: String,
    extra: Map<String, Value>,
    has_arguments: bool,
    /// The index under which it was passed on.
    begun: Option<u32>,
}

impl ToolCalls {
    /// Takes a piece and adds to `deltas` what can be passed on. The name of a call is whole when its
    /// arguments begin, when another call begins, or at the end.
    pub(crate) fn push(&mut self, piece: Piece, deltas: &mut Vec<Delta>) {
        let position = match self.find(&piece) {
            Some(position) => position,
            None if self.calls.len() >= MAX_CALLS => return,
            None => {
                self.calls.push(Call {
                    index: piece.index,
                    ..Call::default()
                });
                self.calls.len() - 1
            }
        };
        if self.current.is_some_and(|current| current != position) {
            self.flush(deltas);
        }
        self.current = Some(position);
        let Some(call) = self.calls.get_mut(position) else {
            return;
        };
        if call.id.is_empty() {
            call.id = piece.id;
        }
        // Some servers repeat the name with each piece.
        if call.begun.is_none() && piece.name != call.name {
            call.name.push_str(&piece.name);
        }
        call.extra.extend(piece.extra);
        if let Some(arguments) = piece.arguments {
            call.has_arguments = true;
            call.arguments.push_str(&arguments);
        }
        if call.begun.is_some() || !call.arguments.is_empty() {
            self.pass_on(position, deltas);
        }
    }

    /// Passes on the calls whose names are whole now. A call without a name cannot be made, so it is
    /// left out.
    pub(crate) fn flush(&mut self, deltas: &mut Vec<Delta>) {
        for position in 0..self.calls.len() {
            self.pass_on(position, deltas);
        }
    }

    /// Whether a call was passed on.
    pub(crate) fn is_any(&self) -> bool {
        self.begun > 0
    }

    /// The call that a piece belongs to; none if it begins one.
    fn find(&self, piece: &Piece) -> Option<usize> {
        let position = match piece.index {
            Some(index) => self
                .calls
                .iter()
                .rposition(|call| call.index == Some(index))?,
            None if !piece.id.is_empty() => self
                .calls
                .iter()
                .rposition(|call| call.id == piece.id)
                .or(self.current)?,
            None => self.current?,
        };
        let call = self.calls.get(position)?;
        // Some servers number every call 0, or none: an id or a name where there is one already
        // begins a call.
        let is_other_id = !piece.id.is_empty() && !call.id.is_empty() && piece.id != call.id;
        let is_second = piece.index.is_none()
            && piece.id.is_empty()
            && call.has_arguments
            && piece.arguments.is_some();
        let begins = !piece.name.is_empty() && !call.name.is_empty() && (is_other_id || is_second);
        (!begins).then_some(position)
    }

    fn pass_on(&mut self, position: usize, deltas: &mut Vec<Delta>) {
        let Some(call) = self.calls.get_mut(position) else {
            return;
        };
        if call.name.is_empty() {
            return;
        }
        let extra = std::mem::take(&mut call.extra);
        let extra = (!extra.is_empty()).then(|| Value::Object(extra).to_string());
        let arguments = std::mem::take(&mut call.arguments);
        if let Some(index) = call.begun {
            if arguments.is_empty() && extra.is_none() {
                return;
            }
            if let (Some(Delta::ToolCall(last)), None) = (deltas.last_mut(), &extra)
                && last.index == index
            {
                last.arguments.push_str(&arguments);
                return;
            }
            deltas.push(Delta::ToolCall(ToolCallDelta {
                index,
                id: None,
                name: None,
                arguments,
                extra,
            }));
            return;
        }
        let index = self.begun;
        self.begun = index.saturating_add(1);
        call.begun = Some(index);
        // Two calls of a conversation must not share an id.
        let id = if call.id.is_empty() || self.ids.contains(&call.id) {
            format!("call_{:016x}", random())
        } else {
            call.id.clone()
        };
        self.ids.push(id.clone());
        deltas.push(Delta::ToolCall(ToolCallDelta {
            index,
            id: Some(id),
            name: Some(call.name.clone()),
            arguments,
            extra,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::testing;
    use proptest::prelude::*;

    fn piece(index: Option<u64>, id: &str, name: &str, arguments: Option<&str>) -> Piece {
        Piece {
            index,
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: arguments.map(str::to_owned),
            extra: Map::new(),
        }
    }

    fn put_together(pieces: Vec<Piece>) -> Vec<(String, String)> {
        let mut calls = ToolCalls::default();
        let mut deltas = Vec::new();
        for piece in pieces {
            calls.push(piece, &mut deltas);
        }
        calls.flush(&mut deltas);
        testing::calls(&deltas)
    }

    fn call(name: &str, arguments: &str) -> (String, String) {
        (name.to_owned(), arguments.to_owned())
    }

    #[test]
    fn push_a_name_in_pieces_is_whole() {
        let pieces = vec![
            piece(Some(0), "a", "get_", Some("")),
            piece(Some(0), "", "weather", None),
            piece(Some(0), "", "", Some("{}")),
        ];
        assert_eq!(put_together(pieces), [call("get_weather", "{}")]);
    }

    #[test]
    fn push_a_name_after_arguments_is_sent_first() {
        let pieces = vec![
            piece(Some(0), "a", "", Some("{\"a\"")),
            piece(Some(0), "", "add", Some(":1}")),
        ];
        assert_eq!(put_together(pieces), [call("add", "{\"a\":1}")]);
    }

    #[test]
    fn push_interleaved_calls_are_separate() {
        let pieces = vec![
            piece(Some(0), "a", "f", Some("")),
            piece(Some(1), "b", "g", Some("")),
            piece(Some(0), "", "", Some("{\"x\":")),
            piece(Some(1), "", "", Some("{}")),
            piece(Some(0), "", "", Some("1}")),
        ];
        assert_eq!(
            put_together(pieces),
            [call("f", "{\"x\":1}"), call("g", "{}")]
        );
    }

    #[test]
    fn push_repeated_ids_and_names_are_one_call_or_get_new_ids() {
        let repeated = vec![
            piece(Some(0), "a", "f", Some("{")),
            piece(Some(0), "a", "f", Some("}")),
            piece(Some(1), "a", "f", Some("{}")),
        ];
        assert_eq!(put_together(repeated), [call("f", "{}"), call("f", "{}")]);
    }

    #[test]
    fn push_a_call_without_a_name_is_left_out() {
        let pieces = vec![
            piece(Some(0), "a", "", Some("{}")),
            piece(Some(1), "b", "g", None),
        ];
        assert_eq!(put_together(pieces), [call("g", "")]);
        let many = (0..200)
            .map(|index| piece(Some(index), "", "f", None))
            .collect();
        assert_eq!(put_together(many).len(), MAX_CALLS);
    }

    proptest! {
        #[test]
        fn push_any_pieces_give_calls_in_order(pieces in proptest::collection::vec(
            (proptest::option::of(0_u64..3), "[ab]?", "[fg]?", proptest::option::of("[x]{0,2}")), 0..20,
        )) {
            let pieces: Vec<Piece> = pieces
                .iter()
                .map(|(index, id, name, arguments)| piece(*index, id, name, arguments.as_deref()))
                .collect();
            // Fails if an index is left out, an id is repeated, or a delta precedes its call.
            let calls = put_together(pieces);
            prop_assert!(calls.iter().all(|(name, _)| !name.is_empty()));
        }
    }
}
