//! Team messaging as a whole, on each database: rules that hold whatever happens at the same time, a day
//! of a team, the process killed at any moment of it, and guessed ids. The tests of the single routes are in `api`.

mod assistant;
mod day;
mod guessed_ids;
mod interleavings;
mod kills;
mod rules;

use crate::harness::App;

/// Runs a test on an application with each database, one after the other.
async fn on_each_database(name: &str, test: impl AsyncFn(&App)) {
    for app in App::on_each_database(name).await {
        test(app).await;
    }
}
