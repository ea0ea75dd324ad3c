//! From credits to commission lines.

use std::collections::{BTreeMap, HashMap};

use crate::attribution::Earner;
use crate::commission::{after_refund, full_grant, share_grant};
use crate::configuration::Plan;
use crate::fact::Verdict;
use crate::ids::{BrandKey, CampaignKey, CommissionId, PartnerKey, PlanKey};
use crate::ledger::CommissionState;
use crate::money::Money;
use crate::reason::Reason;
use crate::time::Timestamp;

use super::{Cluster, Commission, Conversion};

impl Cluster<'_> {
    /// One line per partner and plan, in order of plan and partner.
    pub(super) fn commissions(&self, conversion: &Conversion, wholly_reversed: bool) -> Vec<Commission> {
        let at = conversion.occurred_at;
        // Touchpoints without weight have no credit, so the weights are those of the credits.
        let weights: Vec<u64> = conversion.credits.iter().map(|credit| credit.weight).collect();
        let plan_keys = self.plan_keys(conversion);
        let mut grants: BTreeMap<&PlanKey, Option<(Money, &Plan)>> = BTreeMap::new();
        let mut lines: BTreeMap<(&PlanKey, &PartnerKey), i64> = BTreeMap::new();
        for key in plan_keys.iter().flatten() {
            if grants.contains_key(key) {
                continue;
            }
            let plan = self.configuration.plan(&conversion.brand, key, at);
            let grant =
                plan.and_then(|plan| Some((full_grant(plan, &conversion.goal, conversion.value)?, plan)));
            grants.insert(key, grant);
            let Some((granted, _)) = grant else { continue };
            let covered: Vec<bool> = plan_keys.iter().map(|other| other.as_ref() == Some(key)).collect();
            let credits = conversion.credits.iter().zip(&covered).filter(|(_, covered)| **covered);
            for ((credit, _), minor) in credits.zip(share_grant(granted, &weights, &covered)) {
                if let Earner::Partner(partner) = &credit.earner {
                    *lines.entry((key, partner)).or_insert(0) += minor;
                }
            }
        }
        lines
            .into_iter()
            .filter_map(|((key, partner), minor)| {
                let (grant, plan) = (*grants.get(key)?)?;
                let granted = Money::new(minor, grant.currency);
                Some(self.commission(conversion, (key, plan), partner, granted, wholly_reversed))
            })
            .collect()
    }

    /// The plan that pays each credit: the partner's own, else that of the touchpoint's campaign.
    fn plan_keys(&self, conversion: &Conversion) -> Vec<Option<PlanKey>> {
        let mut known: HashMap<(&PartnerKey, Option<&CampaignKey>), Option<PlanKey>> = HashMap::new();
        conversion
            .credits
            .iter()
            .map(|credit| {
                let Earner::Partner(partner) = &credit.earner else { return None };
                let campaign = credit.campaign.as_ref();
                known
                    .entry((partner, campaign))
                    .or_insert_with(|| {
                        self.plan_key(&conversion.brand, partner, campaign, conversion.occurred_at)
                    })
                    .clone()
            })
            .collect()
    }

    fn plan_key(
        &self,
        brand: &BrandKey,
        partner: &PartnerKey,
        campaign: Option<&CampaignKey>,
        at: Timestamp,
    ) -> Option<PlanKey> {
        let own = self.configuration.partner(brand, partner, at).and_then(|partner| partner.plan.clone());
        own.or_else(|| self.configuration.campaign(brand, campaign?, at)?.plan.clone())
    }

    fn commission(
        &self,
        conversion: &Conversion,
        (key, plan): (&PlanKey, &Plan),
        partner: &PartnerKey,
        granted: Money,
        wholly_reversed: bool,
    ) -> Commission {
        let at = conversion.occurred_at;
        let value = conversion.value.map_or(0, |value| value.minor);
        let left = if wholly_reversed { 0 } else { after_refund(granted.minor, value, conversion.refunded) };
        let of_partner = self.configuration.partners.get(&(conversion.brand.clone(), partner.clone()));
        // A hold is about the partner's money today, whenever he earned it.
        let on_hold = of_partner.is_some_and(|versions| versions.latest().on_hold);
        let (owed, state, reason) = match conversion.verdict {
            Verdict::Rejected => (0, CommissionState::Rejected, Reason::Rejected),
            _ if wholly_reversed || (left == 0 && granted.minor != 0) => {
                (0, CommissionState::Rejected, Reason::Reversed)
            }
            _ if on_hold => (left, CommissionState::Held, Reason::PartnerOnHold),
            Verdict::Approved => (left, CommissionState::Approved, Reason::InHoldPeriod),
            Verdict::Pending if plan.approves_automatically => {
                (left, CommissionState::Approved, Reason::InHoldPeriod)
            }
            Verdict::Pending => (left, CommissionState::Pending, Reason::AwaitingApproval),
        };
        Commission {
            id: CommissionId::derive(conversion.event_id, at, partner, key, granted.currency),
            partner: partner.clone(),
            plan: key.clone(),
            granted,
            owed,
            state,
            reason,
            payable_from: at.plus(plan.hold),
        }
    }
}
