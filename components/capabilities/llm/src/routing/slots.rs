//! A limit of concurrent requests to a provider. Further requests wait in a short queue, first come,
//! first served, and check at intervals whether it is their turn.

use std::collections::VecDeque;

/// The requests of one provider.
#[derive(Debug)]
pub(crate) struct Slots {
    busy: u32,
    waiting: VecDeque<u64>,
    next: u64,
}

impl Slots {
    /// All free.
    pub(crate) const fn new() -> Self {
        Self {
            busy: 0,
            waiting: VecDeque::new(),
            next: 0,
        }
    }

    /// Takes one of `most` slots (0: no limit), if one is free and no other request waits.
    pub(crate) fn enter(&mut self, most: u32) -> bool {
        let is_free = most == 0 || (self.busy < most && self.waiting.is_empty());
        if is_free {
            self.busy = self.busy.saturating_add(1);
        }
        is_free
    }

    /// Gives one back.
    pub(crate) fn leave(&mut self) {
        self.busy = self.busy.saturating_sub(1);
    }

    /// Joins the queue, which holds as many as there are slots; none when it is full.
    pub(crate) fn queue(&mut self, most: u32) -> Option<u64> {
        if self.waiting.len() >= usize::try_from(most).unwrap_or(usize::MAX) {
            return None;
        }
        let ticket = self.next;
        self.next = self.next.wrapping_add(1);
        self.waiting.push_back(ticket);
        Some(ticket)
    }

    /// Takes a slot, and leaves the queue, if it is the ticket's turn.
    pub(crate) fn advance(&mut self, ticket: u64, most: u32) -> bool {
        let is_turn = self.busy < most && self.waiting.front() == Some(&ticket);
        if is_turn {
            self.waiting.pop_front();
            self.busy = self.busy.saturating_add(1);
        }
        is_turn
    }

    /// Leaves the queue without a slot.
    pub(crate) fn give_up(&mut self, ticket: u64) {
        self.waiting.retain(|waiting| *waiting != ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn advance_is_first_come_first_served() {
        let mut slots = Slots::new();
        assert!(slots.enter(1));
        assert!(!slots.enter(1));
        let first = slots.queue(2).unwrap();
        let second = slots.queue(2).unwrap();
        assert_eq!(slots.queue(2), None);
        assert!(!slots.advance(first, 1));
        slots.leave();
        // A new request does not overtake the queue.
        assert!(!slots.enter(1));
        assert!(!slots.advance(second, 1));
        assert!(slots.advance(first, 1));
        slots.give_up(second);
        slots.leave();
        assert!(slots.enter(1));
    }

    #[test]
    fn enter_with_a_limit_of_zero_is_unlimited() {
        let mut slots = Slots::new();
        assert!((0..1_000).all(|_| slots.enter(0)));
    }

    proptest! {
        #[test]
        fn there_are_never_more_than_allowed(
            most in 1_u32..5,
            steps in proptest::collection::vec(0_u8..4, 0..200),
        ) {
            let mut slots = Slots::new();
            let mut busy = 0_u32;
            let mut tickets = Vec::new();
            for step in steps {
                match step {
                    0 => if slots.enter(most) {
                        busy += 1;
                        prop_assert!(tickets.is_empty());
                    },
                    1 => tickets.extend(slots.queue(most)),
                    2 if busy > 0 => {
                        slots.leave();
                        busy -= 1;
                    }
                    _ => {
                        let turns: Vec<u64> = tickets
                            .iter()
                            .copied()
                            .filter(|ticket| slots.advance(*ticket, most))
                            .collect();
                        busy += u32::try_from(turns.len()).unwrap();
                        prop_assert!(tickets.starts_with(&turns));
                        tickets.drain(..turns.len());
                    }
                }
                prop_assert!(busy <= most);
                prop_assert!(tickets.len() <= most as usize);
            }
        }
    }
}
