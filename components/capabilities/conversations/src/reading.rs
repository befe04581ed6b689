//! From the store to state: the journal, and the replies that are due.

use futures::future::try_join_all;
use journal::{Journal, Platform, View};

use crate::error::Error;
use crate::facts::{End, Outcome, Piece};
use crate::ids;
use crate::state::{Arrived, REPLY_OVERDUE, State};

/// The state now, with what has arrived of the replies that are due.
pub(crate) async fn read<P: Platform>(journal: &Journal<P>) -> Result<View<State>, Error> {
    let mut view = journal.read().await?;
    resolve(journal, &mut view, None).await?;
    Ok(view)
}

/// Looks for the ends of the replies that are due (but for the one of the turn `except`, which
/// knows itself). A reply that is overdue gets its end here, from what had arrived of it: since
/// its turn has given up by then, everybody concludes the same.
pub(crate) async fn resolve<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<State>,
    except: Option<u64>,
) -> Result<(), Error> {
    let due = view.state.due().map(|turn| (turn.number, turn.time));
    let due: Vec<(u64, u64)> = due.filter(|(number, _)| Some(*number) != except).collect();
    if due.is_empty() {
        return Ok(());
    }
    let lookups = due
        .iter()
        .map(|(number, time)| look(journal, *number, *time));
    let found = try_join_all(lookups).await?;
    for ((number, _), found) in due.into_iter().zip(found) {
        match found {
            Found::Ended(end) => view.state.settle(number, end),
            Found::Running(arrived) => view.state.arrived(number, arrived),
        }
    }
    Ok(())
}

enum Found {
    Ended(End),
    Running(Arrived),
}

async fn look<P: Platform>(journal: &Journal<P>, number: u64, asked: u64) -> Result<Found, Error> {
    let key = ids::reply_key(journal, number);
    if let Some(bytes) = journal.platform().get(&key).await? {
        return Ok(Found::Ended(decode_end(&bytes, asked)));
    }
    let arrived = pieces(journal, number, asked).await?;
    // Between the two looks its turn may have written the end and erased the pieces.
    if let Some(bytes) = journal.platform().get(&key).await? {
        return Ok(Found::Ended(decode_end(&bytes, asked)));
    }
    let silent = journal.platform().now().saturating_sub(arrived.time);
    if silent <= REPLY_OVERDUE {
        return Ok(Found::Running(arrived));
    }
    let end = End {
        time: arrived.time,
        outcome: Outcome::Incomplete,
        text: arrived.text,
        pieces: arrived.pieces,
    };
    // The end is written before anybody may erase the pieces it is made of.
    let bytes = encode_end(&end)?;
    journal.platform().set(&key, &bytes).await?;
    Ok(Found::Ended(end))
}

/// What has arrived of a reply to a message of the time `asked`.
async fn pieces<P: Platform>(
    journal: &Journal<P>,
    number: u64,
    asked: u64,
) -> Result<Arrived, Error> {
    let key = |k| ids::piece_key(journal, number, k);
    let values = journal::probe(journal.platform(), 0, key).await?;
    let mut arrived = Arrived {
        time: asked,
        ..Arrived::default()
    };
    for bytes in values {
        arrived.pieces = arrived.pieces.saturating_add(1);
        if let Ok(piece) = serde_json::from_slice::<Piece>(&bytes) {
            arrived.time = arrived.time.max(piece.time);
            arrived.text.push_str(&piece.text);
        }
    }
    Ok(arrived)
}

/// A blank or damaged end is an end all the same.
fn decode_end(bytes: &[u8], asked: u64) -> End {
    serde_json::from_slice(bytes).unwrap_or(End {
        time: asked,
        outcome: Outcome::Incomplete,
        text: String::new(),
        pieces: 0,
    })
}

pub(crate) fn encode_end(end: &End) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(end).map_err(|_| Error::Unavailable("a reply cannot be encoded".to_owned()))
}
