//! Requests by route and status: the one family that every request counts into, so it is looked up without allocating.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use super::registry::head;

const NAME: &str = "tributary_http_requests_total";

/// Statuses that are told apart; the last stands for all others.
const STATUSES: [(u16, &str); 20] = [
    (200, "200"),
    (202, "202"),
    (204, "204"),
    (302, "302"),
    (303, "303"),
    (304, "304"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (409, "409"),
    (413, "413"),
    (414, "414"),
    (415, "415"),
    (422, "422"),
    (429, "429"),
    (500, "500"),
    (503, "503"),
    (0, "other"),
];

/// More routes than the server has. Beyond it requests count as `other`, so that a mistake cannot fill the memory.
const MOST_ROUTES: usize = 256;

type Cells = [AtomicU64; STATUSES.len()];

/// Counters by route template and status.
#[derive(Debug, Default)]
pub(super) struct RequestCounters(RwLock<BTreeMap<Box<str>, Cells>>);

impl RequestCounters {
    pub(super) fn add(&self, route: &str, status: u16) {
        let place = STATUSES.iter().position(|(known, _)| *known == status).unwrap_or(STATUSES.len() - 1);
        let count = |cells: &Cells| cells.get(place).map(|cell| cell.fetch_add(1, Ordering::Relaxed));
        if let Some(cells) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(route) {
            count(cells);
            return;
        }
        let mut routes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let route = if routes.len() < MOST_ROUTES { route } else { "other" };
        count(routes.entry(Box::from(route)).or_default());
    }

    pub(super) fn render(&self, out: &mut String) {
        head(out, NAME, "HTTP requests by route and status.", "counter");
        for (route, cells) in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            for (cell, (_, status)) in cells.iter().zip(STATUSES) {
                let count = cell.load(Ordering::Relaxed);
                if count > 0 {
                    let _ = writeln!(out, "{NAME}{{route=\"{route}\",status=\"{status}\"}} {count}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_routes_is_bounded() {
        let counters = RequestCounters::default();
        for number in 0..1000 {
            counters.add(&format!("/{number}"), 200);
        }
        let mut out = String::new();
        counters.render(&mut out);
        assert_eq!(out.lines().count(), 2 + MOST_ROUTES + 1);
        assert!(out.contains("{route=\"other\",status=\"200\"} 744"));
    }
}
