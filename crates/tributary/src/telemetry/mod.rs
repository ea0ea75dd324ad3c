//! What the running process says about itself: log lines and metrics. Neither ever holds personal data.
//!
//! Log lines carry keys that the operator chose (brand, source, link), ids and reason codes. They never carry an
//! address, an e-mail, a customer or visitor id, a token, a URL with its query, or a body. Labels of metrics are
//! program text (`&'static str`, and the templates of routes), so that nothing from outside can become one.

mod logs;
mod metrics;
mod process;
mod registry;
mod requests;

pub use logs::{TelemetryError, init};
pub use metrics::Metrics;
pub use registry::CONTENT_TYPE;
