//! A seeded world of journeys with ground truth, for demos, tests and load.
//!
//! Nothing here reads a clock or the system's randomness: the same [`Parameters`] give the same bytes, on every
//! machine. Read it in this order:
//!
//! 1. [`random`]: the generator everything is drawn from.
//! 2. [`world`]: the brand `lumen`, its campaigns, partners, links, codes, plans and sources, as a set-up file.
//! 3. [`journeys`]: what visitors, customers and cheats do.
//! 4. [`output`]: their deeds as the canonical JSON that `POST /v1/events` takes.
//! 5. [`truth`]: who really brought each conversion, and what is fraud.
//! 6. [`stream`]: all of it as one bounded stream of deliveries, late and doubled ones included.
//! 7. [`disorder`]: shuffles, repeats and splits for the proof that order does not matter.
//! 8. [`load`]: plain traffic by the million for benchmarks.
//! 9. [`paths`]: marketing paths by the million, for training.
//! 10. [`stand_down`]: late clicks of coupon extensions and honest ones, to measure a rule by.

pub mod disorder;
pub mod journeys;
pub mod load;
pub mod output;
pub mod paths;
pub mod random;
pub mod stand_down;
pub mod stream;
pub mod truth;
pub mod world;

pub use output::{Event, SimulatedEvent};
pub use stream::{Parameters, Simulation, simulate};
pub use truth::{ConversionTruth, GroundTruth, Label};
