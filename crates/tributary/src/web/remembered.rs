//! Figures that took long to read are shown again for a while.
//!
//! Sums over all commissions take seconds when there are millions. What was read slowly stays good for a multiple of the time that it
//! took, so that reading never takes more than a small part of a core, however often a page is asked for. It says as of which event it is.
//! What is read quickly is read afresh every time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::overview::ReadError;

/// Faster than this is not slow.
const SLOW: Duration = Duration::from_millis(100);
/// A slow figure stays good for this many times as long as it took.
const GOOD_FOR: u32 = 20;
/// More questions than this are not remembered: askers choose some of them.
const MOST: usize = 100;

/// Figures by question.
#[derive(Debug)]
pub struct Remembered<T> {
    kept: Mutex<HashMap<String, Kept<T>>>,
}

#[derive(Debug)]
struct Kept<T> {
    figures: Arc<T>,
    good_until: Instant,
}

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self { kept: Mutex::new(HashMap::new()) }
    }
}

impl<T> Remembered<T> {
    /// The remembered answer to a question, else a fresh one.
    ///
    /// # Errors
    /// Those of reading.
    pub fn get(
        &self,
        question: &str,
        read: impl FnOnce() -> Result<T, ReadError>,
    ) -> Result<Arc<T>, ReadError> {
        let began = Instant::now();
        if let Some(kept) = self.lock().get(question).filter(|kept| began < kept.good_until) {
            return Ok(kept.figures.clone());
        }
        let figures = Arc::new(read()?);
        self.keep(question, figures.clone(), began, began.elapsed());
        Ok(figures)
    }

    fn keep(&self, question: &str, figures: Arc<T>, began: Instant, took: Duration) {
        let mut kept = self.lock();
        kept.retain(|_, each| began < each.good_until);
        if took >= SLOW && kept.len() < MOST {
            let good_until = began + took + took * GOOD_FOR;
            kept.insert(question.to_owned(), Kept { figures, good_until });
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Kept<T>>> {
        // Whole after each statement, whoever panicked.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_took_long_is_remembered_and_only_for_a_while() {
        let remembered = Remembered::default();
        let answer = |number: u32| move || Ok(number);
        assert_eq!(*remembered.get("quick", answer(1)).unwrap(), 1);
        assert_eq!(*remembered.get("quick", answer(2)).unwrap(), 2);
        remembered.keep("slow", Arc::new(3), Instant::now(), SLOW);
        assert_eq!(*remembered.get("slow", answer(4)).unwrap(), 3);
        assert_eq!(*remembered.get("other", answer(5)).unwrap(), 5);
        if let Some(long_ago) = Instant::now().checked_sub(SLOW * (GOOD_FOR + 2)) {
            remembered.keep("old", Arc::new(6), long_ago, SLOW);
            assert_eq!(*remembered.get("old", answer(7)).unwrap(), 7);
        }
    }
}
