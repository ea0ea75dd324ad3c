//! The rules of partner tracking: money, identity, attribution, commission, ledger.
//!
//! Nothing in this crate reads a clock, draws a random number, opens a file or speaks SQL or HTTP.
//! Facts and configuration come in as values; decisions go out as values. Read it in this order:
//!
//! 1. [`money`], [`time`], [`ids`]: the small types everything else speaks in.
//! 2. [`fact`]: one immutable thing that happened, as every way in hands it over.
//! 3. [`configuration`]: brands, campaigns, partners, links, plans, sources; versioned in time.
//! 4. [`identity`]: which facts belong to one person.
//! 5. [`attribution`]: which touchpoints earn what share of a conversion.
//! 6. [`commission`]: what a plan grants for that share.
//! 7. [`settlement`]: 4 to 6 in one pure function of a person's facts.
//! 8. [`ledger`], [`payout`], [`reconciliation`]: what is booked, paid and compared.

pub mod attribution;
pub mod channels;
pub mod click_id;
pub mod commission;
pub mod configuration;
pub mod fact;
pub mod identity;
pub mod ids;
pub mod ledger;
pub mod money;
pub mod ownership;
pub mod payout;
pub mod reason;
pub mod reconciliation;
pub mod settlement;
pub mod time;
pub mod tracking;
