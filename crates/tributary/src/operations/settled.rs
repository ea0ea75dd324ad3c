//! One moment of the live state at which everything is settled: what a proof over the books is made of.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tributary_store::log::Sequence;
use tributary_store::state::StateReader;

/// How long to wait for a server that settles again after a change of its set-up.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How long to wait while nothing moves: then no server is at work.
const LONGEST_STANDSTILL: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// One moment of the live state at which nothing waits to be settled again. Waits for a server that is about it.
///
/// # Errors
/// When the state cannot be held still, or clusters wait and nobody settles them in time.
pub fn settled_snapshot(live: &dyn StateReader) -> anyhow::Result<Box<dyn StateReader>> {
    let started = Instant::now();
    let mut seen: Option<(u64, Sequence)> = None;
    let mut moved = started;
    loop {
        let snapshot = live.snapshot().context("the live state cannot be held still")?;
        let waiting = snapshot.queue_length()?;
        if waiting == 0 {
            return Ok(snapshot);
        }
        let stands = Some((waiting, snapshot.checkpoint()?));
        drop(snapshot);
        if seen != stands {
            (seen, moved) = (stands, Instant::now());
        }
        anyhow::ensure!(
            started.elapsed() < LONGEST_WAIT && moved.elapsed() < LONGEST_STANDSTILL,
            "{waiting} clusters wait to be settled again after a change of the set-up; start a server \
             (`tributary serve`) if none runs, and run it again when `/readyz` says that none waits"
        );
        std::thread::sleep(LOOK_AGAIN);
    }
}
