//! The bounds that the invariants rest on. Times are in milliseconds.

/// A writer that has not begun to write this long after it requested a number abandons the
/// number. A writer whose write ended later than this counts as late.
pub const WRITE_DEADLINE: u64 = 2_000;

/// A number that is still missing this long after a caller got a higher one is dead: two and a half times
/// [`WRITE_DEADLINE`], so that a slow store and a coarse timer do not make the two meet. It is
/// also how long a crash in mid-append can delay the next writer.
pub const GRACE: u64 = 5_000;

/// The first pause between two looks at a missing number; it doubles up to [`POLL_MAX`].
pub const POLL_MIN: u64 = 2;

/// The longest pause between two looks at a missing number.
pub const POLL_MAX: u64 = 100;

/// How many numbers an append tries before it fails.
pub const APPEND_ATTEMPTS: usize = 3;

/// A view that was read longer ago than this is neither returned nor stored as a snapshot.
pub const BASIS_DEADLINE: u64 = 15_000;

/// How long a position must have been reached before what is below it may be erased: far beyond
/// [`BASIS_DEADLINE`], so that neither disagreeing clocks nor a suspended machine matter.
pub const SETTLE: u64 = 3_600_000;

/// How far the journal must have gone beyond a position before what is below it may be erased.
pub const ERASE_MARGIN: u64 = 64;

/// Entries are erased in bulk, at least this many at once.
pub const ERASE_BATCH: u64 = 64;

/// How many entries one call erases at most.
pub const ERASE_MOST: u64 = 512;

/// How far apart in time the marks of a snapshot are.
pub const MARK_EVERY: u64 = 600_000;

/// The longest value written: Spin's stores take 1 MB.
pub const VALUE_MAX: usize = 900_000;

/// How many keys go into one batch.
pub const BATCH_MAX: usize = 64;

/// Store calls that one function of this crate has under way at the same time.
pub const READS_AT_ONCE: usize = 16;

/// Store calls that one instance of a component has under way at the same time; further ones wait.
pub const CALLS_MAX: usize = 32;

/// How long a store call may take, its waiting included, before it is an error.
pub const CALL_DEADLINE: u64 = 10_000;
