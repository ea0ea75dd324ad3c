//! Plans of payouts as they are stored: JSON, version 1.
//!
//! `{"v":1,"payout":"po_..","run":"2026-01","partner":"anna","currency":"EUR","lines":[["<32 hexadecimal digits>",5000]]}`:
//! each line is a commission line and the minor units that the payout pays of it, negative where money is taken back.
//! Golden file: `tests/golden/v1/payout_plan.json`.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tributary_domain::fact::{PayoutId, PayoutPlan, PayoutStep};
use tributary_domain::ids::{CommissionId, EventId, PartnerKey};
use tributary_domain::money::Currency;

use super::{WireError, unreadable};

/// The version that is written.
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct PlanForm<'a> {
    v: u8,
    #[serde(borrow)]
    payout: Cow<'a, str>,
    #[serde(borrow)]
    run: Cow<'a, str>,
    #[serde(borrow)]
    partner: Cow<'a, str>,
    #[serde(borrow)]
    currency: Cow<'a, str>,
    lines: Vec<(String, i64)>,
}

/// The stored form of a plan, in the newest version.
///
/// # Errors
/// [`WireError`] when it cannot be written as JSON.
pub fn encode(plan: &PayoutPlan) -> Result<Vec<u8>, WireError> {
    let form = PlanForm {
        v: VERSION,
        payout: (&*plan.payout.0).into(),
        run: (&*plan.run).into(),
        partner: plan.partner.as_str().into(),
        currency: plan.currency.code().into(),
        lines: plan.lines.iter().map(|(line, minor)| (hex::encode(line.0.0), *minor)).collect(),
    };
    serde_json::to_vec(&form).map_err(|error| unreadable(&error))
}

/// Reads a stored plan of any version.
///
/// # Errors
/// [`WireError`] when it was written by a newer version, is not JSON, or holds a name that does not exist.
pub fn decode(bytes: &[u8]) -> Result<PayoutPlan, WireError> {
    let form: PlanForm<'_> = serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
    if form.v != VERSION {
        return Err(unreadable(&format!("its version {} is not known", form.v)));
    }
    let line = |(id, minor): (String, i64)| -> Result<(CommissionId, i64), WireError> {
        Ok((CommissionId(EventId::parse(&id).map_err(|error| unreadable(&error))?), minor))
    };
    Ok(PayoutPlan {
        payout: PayoutId(Arc::from(&*form.payout)),
        run: Arc::from(&*form.run),
        partner: PartnerKey::parse(&form.partner).map_err(|error| unreadable(&error))?,
        currency: Currency::parse(&form.currency).map_err(|error| unreadable(&error))?,
        lines: form.lines.into_iter().map(line).collect::<Result<_, _>>()?,
    })
}

/// Finds a step by its published name.
///
/// # Errors
/// [`WireError`] when there is no such step.
pub fn parse_step(name: &str) -> Result<PayoutStep, WireError> {
    use PayoutStep::{Approved, Exported, Failed, Prepared, Settled};
    [Prepared, Approved, Exported, Settled, Failed]
        .into_iter()
        .find(|step| step.name() == name)
        .ok_or_else(|| unreadable(&format!("its step `{name}` is not known")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> PayoutPlan {
        let line = |byte, minor| (CommissionId(EventId([byte; 16])), minor);
        PayoutPlan {
            payout: PayoutId("po_0123456789abcdef01234567".into()),
            run: "januar „neu“".into(),
            partner: PartnerKey::parse("anna").unwrap(),
            currency: Currency::parse("EUR").unwrap(),
            lines: vec![line(9, 5_000), line(1, -200), line(5, 1_000_000_000_000_000)],
        }
    }

    #[test]
    fn the_golden_file_is_read_and_written_as_ever() {
        let golden = include_str!("../../tests/golden/v1/payout_plan.json").trim_end();
        assert_eq!(decode(golden.as_bytes()).unwrap(), plan());
        assert_eq!(String::from_utf8(encode(&plan()).unwrap()).unwrap(), golden);
    }

    #[test]
    fn what_no_version_wrote_is_refused() {
        let golden = include_str!("../../tests/golden/v1/payout_plan.json");
        for (from, to) in [("\"v\":1", "\"v\":9"), ("EUR", "EUX"), ("0909", "09"), ("anna", "")] {
            let text = golden.replacen(from, to, 1);
            assert_ne!(text, golden);
            assert!(decode(text.as_bytes()).is_err(), "{to}");
        }
        assert!(parse_step("lost").is_err());
    }

    #[test]
    fn every_step_is_found_by_its_name() {
        for step in [
            PayoutStep::Prepared,
            PayoutStep::Approved,
            PayoutStep::Exported,
            PayoutStep::Settled,
            PayoutStep::Failed,
        ] {
            assert_eq!(parse_step(step.name()).unwrap(), step);
        }
    }
}
