//! From the store to state: the journal, and the replies that are due.

use futures::future::try_join_all;
use journal::{Journal, Platform, View};

use crate::entries::{Delta, End, Failure, Outcome, Reasoning};
use crate::error::Error;
use crate::ids;
use crate::state::{REPLY_OVERDUE, ReceivedText, State, Turn};

/// A writer looks for a request to stop several times a second; one that has not seen it after this long
/// (milliseconds) is dead, though it may have given signs of life before.
const STOP_OVERDUE: u64 = 30_000;

/// Looks for the ends of the replies that are due (but for the one of the turn `except`, which
/// knows itself). A reply that is overdue gets its end here, from what had arrived of it: since
/// its turn has given up by then, everybody concludes the same.
pub(crate) async fn resolve<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<State>,
    except: Option<u64>,
) -> Result<(), Error> {
    let due = view.state.due().map(Due::of);
    let due: Vec<Due> = due.filter(|due| Some(due.number) != except).collect();
    if due.is_empty() {
        return Ok(());
    }
    let lookups = due.iter().map(|due| look(journal, due));
    let statuses = try_join_all(lookups).await?;
    for (due, status) in due.into_iter().zip(statuses) {
        match status {
            Found::Ended(end) => view.state.settle(due.number, &end),
            Found::Running(received) => view.state.received(due.number, received),
        }
    }
    Ok(())
}

/// A reply without an end.
pub(crate) struct Due {
    /// Names its keys.
    pub(crate) number: u64,
    requested_at: u64,
    stopped: Option<u64>,
}

impl Due {
    pub(crate) fn of(turn: &Turn) -> Self {
        Self {
            number: turn.reply_number(),
            requested_at: turn.requested_at(),
            stopped: turn.stopped,
        }
    }

    fn is_overdue(&self, last_written: u64, now: u64) -> bool {
        let stopped = self.stopped.unwrap_or(now);
        now.saturating_sub(last_written) > REPLY_OVERDUE
            || now.saturating_sub(stopped) > STOP_OVERDUE
    }
}

enum Found {
    Ended(End),
    Running(ReceivedText),
}

async fn look<P: Platform>(journal: &Journal<P>, due: &Due) -> Result<Found, Error> {
    if let Some(end) = end(journal, due).await? {
        return Ok(Found::Ended(end));
    }
    let received = deltas(journal, due).await?;
    // Between the two looks its turn may have written the end and erased the deltas.
    if let Some(end) = end(journal, due).await? {
        return Ok(Found::Ended(end));
    }
    if due.is_overdue(received.time, journal.platform().now()) {
        return Ok(Found::Ended(conclude(journal, due, received).await?));
    }
    Ok(Found::Running(received))
}

/// Finds out how a reply stands whose turn is known to be dead, and ends it if it has no end.
pub(crate) async fn end_dead<P: Platform>(journal: &Journal<P>, due: &Due) -> Result<End, Error> {
    let received = deltas(journal, due).await?;
    match end(journal, due).await? {
        Some(end) => Ok(end),
        None => conclude(journal, due, received).await,
    }
}

/// The end of a reply; none if it has none yet.
pub(crate) async fn end<P: Platform>(
    journal: &Journal<P>,
    due: &Due,
) -> Result<Option<End>, Error> {
    let key = ids::reply_key(journal, due.number);
    let value = journal.platform().get(&key).await?;
    Ok(value.map(|bytes| decode_end(&bytes, due.requested_at)))
}

/// Writes the end of a dead turn's reply: what had arrived of it.
async fn conclude<P: Platform>(
    journal: &Journal<P>,
    due: &Due,
    received: ReceivedText,
) -> Result<End, Error> {
    let end = End {
        time: received.time,
        reasoning: Reasoning::of_text(received.reasoning),
        failure: due.stopped.is_none().then(Failure::interrupted),
        outcome: match due.stopped {
            Some(_) => Outcome::Stopped,
            None => Outcome::Incomplete,
        },
        text: received.text,
        deltas: received.deltas,
        lengths: received.lengths,
        usage: None,
        model: None,
    };
    // The end is written before anybody may erase the deltas it is made of.
    let bytes = encode_end(&end)?;
    let key = ids::reply_key(journal, due.number);
    journal.platform().set(&key, &bytes).await?;
    Ok(end)
}

/// What has arrived of a reply.
async fn deltas<P: Platform>(journal: &Journal<P>, due: &Due) -> Result<ReceivedText, Error> {
    let mut received = ReceivedText {
        time: due.requested_at,
        ..ReceivedText::default()
    };
    for delta in pieces_from(journal, due, 0).await? {
        received.deltas = received.deltas.saturating_add(1);
        received.time = received.time.max(delta.time);
        received.text.push_str(&delta.text);
        received.reasoning.push_str(&delta.reasoning);
        received.lengths.extend(delta.lengths);
    }
    Ok(received)
}

/// What was written of a reply from the `k`-th write on. A damaged one counts as a sign of life.
pub(crate) async fn pieces_from<P: Platform>(
    journal: &Journal<P>,
    due: &Due,
    k: u64,
) -> Result<Vec<Delta>, Error> {
    let key = |k| ids::piece_key(journal, due.number, k);
    let values = journal::probe(journal.platform(), k, key).await?;
    let deltas = values.iter().map(|bytes| {
        serde_json::from_slice(bytes).unwrap_or(Delta {
            time: due.requested_at,
            text: String::new(),
            lengths: Vec::new(),
            reasoning: String::new(),
        })
    });
    Ok(deltas.collect())
}

/// A blank or damaged end is an end all the same.
fn decode_end(bytes: &[u8], requested_at: u64) -> End {
    serde_json::from_slice(bytes).unwrap_or(End {
        time: requested_at,
        outcome: Outcome::Incomplete,
        text: String::new(),
        deltas: 0,
        lengths: Vec::new(),
        usage: None,
        reasoning: Reasoning::default(),
        failure: None,
        model: None,
    })
}

pub(crate) fn encode_end(end: &End) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(end).map_err(|_| Error::Unavailable("a reply cannot be encoded".to_owned()))
}
