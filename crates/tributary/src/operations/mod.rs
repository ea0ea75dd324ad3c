//! What an operator does with the state: explain it, audit it, rebuild it, reconcile it, pay from it.

pub mod attribution_report;
pub mod explaining;
pub mod identity;
pub mod now_and_then;
pub mod over_attribution;
pub mod payout;
pub mod reconcile;
pub mod replay;
pub mod report;
pub mod settled;
pub mod state_hash;
pub mod training;
pub mod verify;
mod walking;
pub mod what_if;

#[cfg(test)]
mod tests;
