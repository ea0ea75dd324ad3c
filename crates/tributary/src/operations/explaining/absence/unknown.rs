//! Why nothing is stored under an id: what the log, the refused deliveries, the set-up and the id itself tell.

use tributary_domain::click_id::{ClickId, ClickIdError};
use tributary_domain::fact::Fact;
use tributary_domain::ids::{BrandKey, EventId, LinkKey, PromoCode};
use tributary_domain::time::Timestamp;
use tributary_store::log::{LogRecord, Sequence};
use tributary_store::state::StoredFact;
use tributary_store::wire;

use super::super::{ExplainError, Sight};
use super::{Cause, Progress, Stage};

/// Log records behind the engine, and newest facts, that are looked through.
const LOOKED_THROUGH: usize = 2_000;

/// Orders with an unknown code that are named; the others are counted.
const ORDERS_NAMED: usize = 5;

impl Sight<'_> {
    /// The first stage at which it must have stopped. A partner is told nothing of what others sent.
    pub(in super::super) fn absence(&self, id: &str) -> Result<Progress, ExplainError> {
        let mut found: Vec<(Stage, Cause)> = Vec::new();
        let mut was_refused = false;
        if self.viewer.is_none() {
            found.extend(self.not_processed(id)?.map(|cause| (Stage::Processed, cause)));
            found.extend(self.in_conflict(id)?.map(|cause| (Stage::Stored, cause)));
            let refused = self.refused(id)?;
            was_refused = !refused.is_empty();
            found.extend(refused);
            found.extend(self.about_click_id(id));
            found.extend(self.about_code(id)?);
            found.extend(self.about_link(id));
            found.extend(self.other_spelling(id)?.map(|cause| (Stage::Received, cause)));
        }
        // Something that is stored names it: then it did come.
        let is_known = found.iter().any(|(_, cause)| matches!(cause.code, "code_unknown" | "is_a_code"));
        if !was_refused && !is_known {
            found.push((Stage::Received, never_received(self.viewer.is_some())));
        }
        if self.viewer.is_none() && !was_refused && !is_known {
            found.push((Stage::Accepted, Cause::new(
                "refused_at_the_door",
                "A request with it was refused, and no note of it is left: so many are kept of each source and minute, and not for ever.",
                "Look at the answer on the sender's side: it names the field and the remedy. `tributary refusals list` shows the notes that are left. The result file of an import lists each refused row.",
            )));
        }
        let stage = found.first().map_or(Stage::Received, |(stage, _)| *stage);
        Ok(Progress::stopped(stage, found.into_iter().map(|(_, cause)| cause).collect()))
    }

    /// An event that is in the log, behind the engine.
    fn not_processed(&self, id: &str) -> Result<Option<Cause>, ExplainError> {
        let (checkpoint, last) = (self.state.checkpoint()?, self.log.last()?);
        if last <= checkpoint {
            return Ok(None);
        }
        let record = match EventId::parse(id) {
            Ok(event) => self.log.find_by_event(event)?.filter(|record| record.sequence > checkpoint),
            Err(_) => self.behind_the_engine(id, checkpoint)?,
        };
        let record = match record {
            Some(record) => Some(record),
            None => self.logged_under(id)?.into_iter().find(|record| record.sequence > checkpoint),
        };
        Ok(record.map(|record| {
            Cause::new(
                "not_processed_yet",
                "It is stored durably, and the engine has not taken it into account yet.",
                "Wait a moment. If it stays so, `/readyz` tells how far the engine is behind and why.",
            )
            .with(format!(
                "Log record {} of {}; the engine is at {} of {}.",
                record.sequence.0, record.received_at, checkpoint.0, last.0
            ))
        }))
    }

    fn behind_the_engine(&self, id: &str, checkpoint: Sequence) -> Result<Option<LogRecord>, ExplainError> {
        let records = self.log.read_after(checkpoint, LOOKED_THROUGH)?;
        Ok(records.into_iter().find(|record| {
            wire::fact::decode(&record.fact).is_ok_and(|fact| {
                fact.body.transaction().is_some_and(|number| number.as_str() == id)
                    || fact.subject.click_id.as_ref().is_some_and(|click| click.as_str() == id)
            })
        }))
    }

    /// A delivery that was refused because its key was taken by another content.
    fn in_conflict(&self, id: &str) -> Result<Option<Cause>, ExplainError> {
        Ok(self.conflict_about(id)?.map(|(original, fact): (String, Fact)| {
            Cause::new(
                "payload_conflict",
                "It came under a key that another event holds with another content, so it was refused and set aside.",
                "Send corrections as a status, refund or adjustment, or under an event id of its own.",
            )
            .with(format!("The refused {} is of {}; the event that holds its key is {original}.", fact.body.kind().name(), fact.occurred_at))
        }))
    }

    fn about_click_id(&self, id: &str) -> Vec<(Stage, Cause)> {
        match ClickId::parse(self.keyring.click_id_key(), id) {
            Err(ClickIdError::Forged) => vec![(
                Stage::Accepted,
                Cause::new(
                    "click_id_forged",
                    "It has the form of our click ids, but its check does not hold: it was mistyped, cut or made up.",
                    "Send the click id exactly as it stood in the landing URL. A postback that names this one is refused.",
                ),
            )],
            Err(ClickIdError::Malformed) => Vec::new(),
            Ok(click) => click.issued_for().map_or_else(Vec::new, |(fingerprint, at)| {
                let issued = format!("It has the form of a click id issued at {at}, and its check holds.");
                let Some(key) = self.configuration.link_fingerprints.get(&fingerprint) else {
                    return vec![(Stage::Received, Cause::new(
                        "click_link_unknown",
                        "It was issued here, for a link that is not set up any more, and no such click is stored.",
                        "Set the link up again with `tributary apply`.",
                    ).with(issued))];
                };
                let mut causes: Vec<(Stage, Cause)> =
                    self.inactive(key, at).into_iter().map(|cause| (Stage::Received, cause)).collect();
                causes.push((Stage::Received, Cause::new(
                    "click_not_stored",
                    "It was issued here, but no such click is stored, and no event names it.",
                    "The redirect was cut off before the click was stored. A conversion that names this id is credited all the same.",
                ).with(format!("{issued} It is for link {key}."))));
                causes
            }),
        }
    }

    /// What keeps a link from redirecting at a moment.
    fn inactive(&self, key: &LinkKey, at: Timestamp) -> Vec<Cause> {
        let Some(link) = self.configuration.link(key, at) else { return Vec::new() };
        let campaign = self.configuration.campaign(&link.brand, &link.campaign, at);
        let partner = self.configuration.partner(&link.brand, &link.partner, at);
        let mut causes = Vec::new();
        let mut add = |is_active: bool, code, what: String| {
            if !is_active {
                causes.push(
                    Cause::new(
                        code,
                        format!("{what} is not active, so the link does not lead anywhere and its clicks are refused."),
                        "Set `active: true` in the set-up file and apply it.",
                    )
                    .with(format!("As of {at}.")),
                );
            }
        };
        add(link.active, "link_inactive", format!("Link {key}"));
        add(
            campaign.is_none_or(|found| found.active),
            "campaign_inactive",
            format!("Campaign {}", link.campaign),
        );
        add(
            partner.is_none_or(|found| found.active),
            "partner_inactive",
            format!("Partner {}", link.partner),
        );
        causes
    }

    fn about_link(&self, id: &str) -> Vec<(Stage, Cause)> {
        let Ok(key) = LinkKey::parse(id) else { return Vec::new() };
        if !self.configuration.links.contains_key(&key) {
            return Vec::new();
        }
        let mut causes = self.inactive(&key, self.now);
        causes.push(Cause::new(
            "is_a_link",
            "It is the key of a link, not of an event.",
            "Ask for the click id or the order that you miss.",
        ));
        causes.into_iter().map(|cause| (Stage::Received, cause)).collect()
    }

    fn about_code(&self, id: &str) -> Result<Vec<(Stage, Cause)>, ExplainError> {
        let Ok(code) = PromoCode::parse(id) else { return Ok(Vec::new()) };
        let mut causes = Vec::new();
        let has_link = |brand: &BrandKey| self.configuration.link_of_code(brand, &code, self.now).is_some();
        if !self.brands().into_iter().any(has_link) {
            return Ok(self.unknown_code(&code)?.map(|cause| (Stage::Eligible, cause)).into_iter().collect());
        }
        for brand in self.brands() {
            let Some((key, link, valid)) = self.configuration.link_of_code(brand, &code, self.now) else {
                continue;
            };
            if !valid {
                let cause = Cause::new(
                    "code_outside_dates",
                    "It is a promo code that no active link carries now.",
                    "Make a link version with this code that is in force and active.",
                );
                causes.push((
                    Stage::Considered,
                    cause.with(format!("Link {key} of {} had it last.", link.partner)),
                ));
                continue;
            }
            causes.extend(self.inactive(key, self.now).into_iter().map(|cause| (Stage::Received, cause)));
            if let Some(order) = self.order_with(brand, &code)? {
                causes.push((
                    Stage::Considered,
                    Cause::new(
                        "is_a_code",
                        "It is a promo code, and an order with it is stored.",
                        "Ask for that order: its explanation says what the code earned.",
                    )
                    .with(format!("Newest order with it: {}.", order.fact.event_id)),
                ));
            } else {
                causes.push((
                    Stage::Received,
                    Cause::new(
                        "code_never_sent",
                        "It is a valid promo code, but none of the newest orders names it.",
                        "Let the shop send `promo_code` with the order.",
                    )
                    .with(format!("It belongs to link {key} of {}.", link.partner)),
                ));
            }
        }
        Ok(causes)
    }

    /// A code that no link ever had, where one of the newest events names it.
    fn unknown_code(&self, code: &PromoCode) -> Result<Option<Cause>, ExplainError> {
        let latest = self.state.latest_facts(None, LOOKED_THROUGH)?;
        let named = latest.into_iter().filter_map(|stored| {
            let action =
                stored.fact.body.action().filter(|action| action.promo_code.as_ref() == Some(code))?;
            let number = action.transaction.as_ref().map_or_else(String::new, |number| format!(" {number}"));
            let (kind, at) = (stored.fact.body.kind().name(), stored.fact.occurred_at);
            Some(format!("A {kind}{number} of {at} carries it: {}.", stored.fact.event_id))
        });
        let mut named: Vec<String> = named.collect();
        if named.is_empty() {
            return Ok(None);
        }
        let more = named.len().saturating_sub(ORDERS_NAMED);
        named.truncate(ORDERS_NAMED);
        named.extend((more > 0).then(|| format!("{more} more of the newest events carry it.")));
        let cause = Cause::new(
            "code_unknown",
            "It is a promo code that stored orders carry, and no link has or had it.",
            "Give the code to a link with `tributary apply`; conversions are settled again.",
        );
        Ok(Some(named.into_iter().fold(cause, Cause::with)))
    }

    /// The newest of the latest facts that names a code.
    fn order_with(&self, brand: &BrandKey, code: &PromoCode) -> Result<Option<StoredFact>, ExplainError> {
        let latest = self.state.latest_facts(Some(brand), LOOKED_THROUGH)?;
        Ok(latest.into_iter().find(|stored| {
            stored.fact.body.action().is_some_and(|action| action.promo_code.as_ref() == Some(code))
        }))
    }

    /// The same in another spelling.
    fn other_spelling(&self, id: &str) -> Result<Option<Cause>, ExplainError> {
        let bare = id.trim().trim_matches(['#', '"', '\'']).trim();
        let spellings = [
            bare.to_owned(),
            bare.to_uppercase(),
            bare.to_lowercase(),
            bare.trim_start_matches('0').to_owned(),
            format!("#{bare}"),
        ];
        for spelling in spellings.iter().filter(|spelling| *spelling != id && !spelling.is_empty()) {
            if let Some(stored) = self.by_click_or_transaction(spelling)? {
                let cause = Cause::new(
                    "other_spelling",
                    "Nothing has exactly this id, but something is stored under another spelling of it.",
                    "Ask for it as it was sent; ids are compared letter by letter.",
                );
                let kind = stored.fact.body.kind().name();
                return Ok(Some(cause.with(format!("A {kind} is stored as `{spelling}`."))));
            }
        }
        Ok(None)
    }
}

fn never_received(for_partner: bool) -> Cause {
    Cause::new(
        "never_received",
        if for_partner {
            "Nothing of yours is known by this id."
        } else {
            "No event, click, transaction, commission or payout has this id."
        },
        if for_partner {
            "Check the id. If the order is yours, ask the operator to look for it."
        } else {
            "The sender never sent it, or to another address: look for its answer on the sender's side."
        },
    )
}
