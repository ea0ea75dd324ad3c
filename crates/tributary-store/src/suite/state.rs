//! The conformance suite of the store port: what every engine must do, run against each of them.
//!
//! An engine's test file gives a [`StateStores`] per case and calls [`crate::state_suite`] with it, which makes one test of each case.
//! A case begins with an empty store.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod books;
mod clusters;
mod commits;
mod configuration;
mod lists;
mod samples;

pub use books::*;
pub use clusters::*;
pub use commits::*;
pub use configuration::*;
pub use lists::*;

use crate::state::{ConfigurationStore, StateError, StateReader, StateWriter};

/// One empty store of an engine, opened as often as a case likes.
pub trait StateStores {
    /// Opens it for an engine. A case has one at a time.
    ///
    /// # Errors
    /// Those of the engine.
    fn writer(&self) -> Result<Box<dyn StateWriter>, StateError>;

    /// Opens it for reading, after the writer has been opened once.
    fn reader(&self) -> Box<dyn StateReader>;

    /// Opens the set-up in it.
    fn configuration(&self) -> Box<dyn ConfigurationStore>;

    /// Runs one statement past the port, as somebody with a database client would.
    ///
    /// # Errors
    /// What the database says.
    fn execute(&self, sql: &str) -> Result<(), String>;
}

/// Makes one test of every case; the argument is an expression that gives a new empty store, a [`StateStores`].
#[macro_export]
macro_rules! state_suite {
    ($new_store:expr) => {
        $crate::state_suite! { @cases $new_store;
            an_empty_store_is_at_its_beginning
            a_commit_moves_the_checkpoint_and_one_from_elsewhere_is_refused
            a_commit_by_an_older_set_up_is_refused
            a_failing_commit_leaves_nothing_behind
            what_was_committed_is_there_after_reopening
            readers_see_whole_commits_beside_the_writer
            a_snapshot_stays_at_its_moment
            facts_are_read_back_as_they_were_given
            outcomes_of_earlier_facts_change
            an_outcome_without_a_fact_is_refused
            any_text_that_the_domain_allows_is_kept_exactly
            nodes_lead_to_their_clusters
            merges_carry_facts_nodes_conversions_and_lines
            chains_of_merges_end_in_one_cluster
            any_sequence_of_merges_agrees_with_sets
            conversions_are_put_replaced_and_removed
            only_clusters_with_actions_have_conversions
            payouts_take_their_steps_and_keep_their_plan
            locks_are_the_sum_of_payouts_that_did_not_fail
            balances_add_up_and_leave_out_zero
            rollups_add_up_and_leave_out_zero
            the_ledger_is_read_in_its_order
            the_ledger_refuses_change_and_removal
            a_number_of_the_chain_is_given_once
            every_list_is_paged_in_order
            conversions_are_filtered
            the_newest_come_first
            credits_and_lines_are_summed
            conversions_are_counted_by_kind_and_verdict
            the_set_up_is_saved_replaced_and_loaded
            a_changed_set_up_queues_what_it_concerns
            the_queue_follows_merges_and_empties
            what_is_put_off_joins_the_queue
            touches_wait_to_be_counted_again
            no_fact_slips_between_a_commit_and_a_changed_set_up
        }
    };
    (@cases $new_store:expr; $($case:ident)+) => {
        $(
            #[test]
            fn $case() {
                $crate::suite::state::$case(&$new_store);
            }
        )+
    };
}
