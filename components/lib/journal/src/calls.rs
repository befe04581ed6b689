//! A limit on the store calls of an instance, and a deadline for each.
//!
//! Waiting is by polling a clock. A component's task must not be woken by another task of the same
//! instance, so a call that ends cannot wake one that waits for it.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;

use futures::future::{Either, select};
use futures::poll;

use crate::{CALL_DEADLINE, CALLS_MAX, Clock, Error};

/// How often a call that waits for its turn looks again, in milliseconds.
const LOOK_AGAIN_AFTER: u64 = 1;

/// The calls of one instance.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    under_way: Cell<usize>,
}

/// Counts a call for as long as it exists, also if the call is cancelled.
struct Permit<'a>(&'a Cell<usize>);

impl Calls {
    /// Makes a call as soon as fewer than [`CALLS_MAX`] others are under way.
    ///
    /// # Errors
    /// Those of the call; [`Error::Timeout`] after [`CALL_DEADLINE`], the waiting included.
    pub(crate) async fn run<T>(
        &self,
        clock: &impl Clock,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut call = pin!(async {
            let _permit = self.permit(clock).await;
            call.await
        });
        // A call that completes at once needs no timer.
        if let std::task::Poll::Ready(result) = poll!(call.as_mut()) {
            return result;
        }
        match select(call, pin!(clock.sleep(CALL_DEADLINE))).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(Error::Timeout),
        }
    }

    async fn permit(&self, clock: &impl Clock) -> Permit<'_> {
        while self.under_way.get() >= CALLS_MAX {
            clock.sleep(LOOK_AGAIN_AFTER).await;
        }
        self.under_way.set(self.under_way.get().saturating_add(1));
        Permit(&self.under_way)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::testing::{BEGINNING, World};

    #[test]
    fn run_of_many_calls_has_no_more_than_the_limit_under_way() {
        let world = World::new(1);
        let calls = Rc::new(Calls::default());
        let seen = Rc::new(RefCell::new((0_usize, 0_usize)));
        for _ in 0..3 * CALLS_MAX {
            let (client, calls, seen) = (world.client(), Rc::clone(&calls), Rc::clone(&seen));
            world.spawn(async move {
                let call = async {
                    let most = seen.borrow().1.max(calls.under_way.get());
                    seen.borrow_mut().1 = most;
                    client.sleep(100).await;
                    Ok(())
                };
                calls.run(&client, call).await.unwrap();
                seen.borrow_mut().0 += 1;
            });
        }
        world.run();
        assert_eq!(*seen.borrow(), (3 * CALLS_MAX, CALLS_MAX));
        assert_eq!(calls.under_way.get(), 0);
    }

    #[test]
    fn run_of_a_call_that_never_ends_is_a_timeout_and_frees_its_place() {
        let world = World::new(1);
        let calls = Rc::new(Calls::default());
        let results = Rc::new(RefCell::new(Vec::new()));
        // The last ones never get a turn before their deadline.
        for _ in 0..CALLS_MAX + 2 {
            let (client, calls, results) = (world.client(), Rc::clone(&calls), Rc::clone(&results));
            world.spawn(async move {
                let never = std::future::pending::<Result<(), Error>>();
                let result = calls.run(&client, never).await;
                results.borrow_mut().push(result);
            });
        }
        world.run();
        assert_eq!(results.borrow().len(), CALLS_MAX + 2);
        assert!(results.borrow().iter().all(|it| *it == Err(Error::Timeout)));
        assert!(world.now() >= BEGINNING + CALL_DEADLINE);
        assert!(world.now() <= BEGINNING + CALL_DEADLINE + LOOK_AGAIN_AFTER);
        assert_eq!(calls.under_way.get(), 0);
    }

    #[test]
    fn run_of_a_call_that_is_ready_takes_no_time() {
        let world = World::new(1);
        let client = world.client();
        let result =
            world.finish(async move { Calls::default().run(&client, async { Ok(7) }).await });
        assert_eq!(result, Some(Ok(7)));
        assert_eq!(world.now(), BEGINNING);
    }
}
