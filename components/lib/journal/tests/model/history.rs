//! The operations of all instances on one item, and its expected state afterwards.

use std::cell::RefCell;
use std::rc::Rc;

/// A change that an instance makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Add,
    Remove,
}

#[derive(Debug, Clone, Copy)]
struct Operation {
    change: Change,
    began: u64,
    /// None if it failed or its instance died: it may have had an effect, until its instance's death.
    acknowledged: Option<u64>,
}

/// The states of an item that are allowed after all instances have finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Present,
    Absent,
    Either,
}

/// The operations on one thing. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    operations: Rc<RefCell<Vec<Operation>>>,
    clock: Clock,
}

/// Orders what happens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock(Rc<RefCell<u64>>);

impl Clock {
    fn tick(&self) -> u64 {
        let mut time = self.0.borrow_mut();
        *time += 1;
        *time
    }
}

impl History {
    pub(crate) fn new(clock: &Clock) -> Self {
        Self {
            operations: Rc::default(),
            clock: clock.clone(),
        }
    }

    /// Notes that a change begins; returns what [`History::acknowledge`] takes.
    pub(crate) fn begin(&self, change: Change) -> usize {
        let mut operations = self.operations.borrow_mut();
        operations.push(Operation {
            change,
            began: self.clock.tick(),
            acknowledged: None,
        });
        operations.len() - 1
    }

    pub(crate) fn acknowledge(&self, operation: usize) {
        self.operations.borrow_mut()[operation].acknowledged = Some(self.clock.tick());
    }

    /// The change that was acknowledged last decides, unless another one was under way when it began, or
    /// began later.
    pub(crate) fn expected(&self) -> Expected {
        let operations = self.operations.borrow();
        let expected = |change| match change {
            Change::Add => Expected::Present,
            Change::Remove => Expected::Absent,
        };
        let Some(first) = operations.first() else {
            return Expected::Absent;
        };
        let same = operations.iter().all(|it| it.change == first.change);
        let acknowledged = operations.iter().any(|it| it.acknowledged.is_some());
        if first.change == Change::Remove && same {
            return Expected::Absent;
        }
        if same && acknowledged {
            return Expected::Present;
        }
        // The last one: every other one was acknowledged before it began, or wants the same.
        let last = operations.iter().find(|last| {
            last.acknowledged.is_some()
                && operations.iter().all(|other| {
                    other.change == last.change
                        || other.acknowledged.is_some_and(|at| at < last.began)
                })
        });
        last.map_or(Expected::Either, |last| expected(last.change))
    }
}
