//! Everything that speaks a sender's dialect. Stateless: no store, no clock, no randomness.
//!
//! | room | what it does |
//! | --- | --- |
//! | [`signature`] | proves over the raw bytes who sent a request, before anything of it is parsed |
//! | [`canonical`] | turns named fields into the one validated event of every way in, and gives it its deduplication key |
//! | [`postback`] | the dialects of the incumbents as data: which parameter means what |
//! | [`import`] | rows of CSV and JSONL files, column maps, files of marketing paths, result files |
//!
//! The order at the door is always the same: [`signature::verify`], then [`canonical::fields_from_json`] or
//! [`canonical::fields_from_query`], then [`canonical::decode`]. Whatever cannot be accepted ends as a
//! [`canonical::Refusal`] that names the field and the remedy.

pub mod canonical;
pub mod import;
pub mod postback;
pub mod signature;
