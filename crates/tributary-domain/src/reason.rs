//! Reason codes: the one stable, published list of why something is as it is.
//!
//! A code never changes its meaning and is never reused. `GET /v1/reasons` publishes this list.

/// What a reason speaks about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Concern {
    /// The door: why an event was taken or refused.
    Event,
    /// A touchpoint: why it may or may not earn credit.
    Touchpoint,
    /// A conversion: how attribution ended.
    Conversion,
    /// A commission: what state it is in and why.
    Commission,
    /// A payout: what happens to the money.
    Payout,
    /// A reconciliation row.
    Reconciliation,
    /// An identifier: whether it joins facts of one person.
    Identity,
}

macro_rules! reasons {
    ($( $variant:ident = $code:literal, $concern:ident, $message:literal, $hint:literal; )*) => {
        /// A stable reason code with its message and remedy.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum Reason {
            $( #[doc = $message] $variant, )*
        }

        impl Reason {
            /// Every reason, in the order of the published list.
            pub const ALL: &[Self] = &[ $( Self::$variant, )* ];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $( Self::$variant => $code, )* }
            }

            /// One sentence for people.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self { $( Self::$variant => $message, )* }
            }

            /// What to do about it; empty when nothing needs doing.
            #[must_use]
            pub const fn hint(self) -> &'static str {
                match self { $( Self::$variant => $hint, )* }
            }

            /// What the reason speaks about.
            #[must_use]
            pub const fn concern(self) -> Concern {
                match self { $( Self::$variant => Concern::$concern, )* }
            }

            /// Finds a reason by its code.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.code() == code)
            }
        }
    };
}

reasons! {
    Recorded = "recorded", Event, "The event is stored durably.", "";
    DuplicateEvent = "duplicate_event", Event, "The same event was stored before; nothing is counted twice.", "";
    PayloadConflict = "payload_conflict", Event, "An event with this key was stored before with another payload.", "Send corrections as a status, refund or adjustment, or use a new event id.";
    SignatureMissing = "signature_missing", Event, "The request carries no signature or token.", "Sign the raw body with the source's secret.";
    SignatureInvalid = "signature_invalid", Event, "The signature does not match the bytes received.", "Sign the raw body, not a re-serialised copy, with a secret that is live for this source.";
    SignatureExpired = "signature_expired", Event, "The signed timestamp is too far from the server's time.", "Check the sender's clock; a captured request cannot be sent again later.";
    UnknownSource = "unknown_source", Event, "There is no such source.", "Create the source with `tributary apply`, or correct the address.";
    UnknownLink = "unknown_link", Event, "There is no such link.", "Create the link with `tributary apply`, or correct the address.";
    LinkInactive = "link_inactive", Event, "The link, its campaign or its partner is not active.", "Activate it in the set-up file and apply it.";
    MalformedBody = "malformed_body", Event, "The body cannot be read.", "See the message for the place and the expected format.";
    UnsupportedMediaType = "unsupported_media_type", Event, "The content type or encoding is not supported.", "Use JSON, NDJSON or a form, plain or gzip.";
    TooLarge = "too_large", Event, "The request is larger than the limit.", "Send fewer events at once.";
    MissingField = "missing_field", Event, "A required field is missing.", "Add the field named in the message.";
    InvalidField = "invalid_field", Event, "A field has a value that cannot be accepted.", "Correct the field named in the message.";
    UnknownField = "unknown_field", Event, "A field is not known.", "Use the nearest name given in the message or put it under `data`.";
    ClickIdForged = "click_id_forged", Event, "The click id was not issued here.", "Send the click id exactly as it stood in the landing URL.";
    UnknownCampaign = "unknown_campaign", Event, "There is no such campaign.", "Create the campaign with `tributary apply`, or correct the key.";
    UnknownPartner = "unknown_partner", Event, "There is no such partner.", "Create the partner with `tributary apply`, or correct the key.";
    HostNotAllowed = "host_not_allowed", Event, "The destination's host is not allowed for this campaign.", "Add the host to the campaign's `allowed_hosts`.";
    TimeOutOfRange = "time_out_of_range", Event, "The event's time is in the future or too far in the past.", "Check the sender's clock and time zone; times are RFC 3339.";
    RateLimited = "rate_limited", Event, "The source sends faster than its limit.", "Wait for the seconds given in `Retry-After`.";
    StorageUnavailable = "storage_unavailable", Event, "The event could not be stored durably and was not taken.", "Send it again; nothing of it was kept.";
    NotAllowed = "not_allowed", Event, "The source may not send this kind of event.", "Allow the kind in the source's set-up.";
    TransactionRepeated = "transaction_repeated", Event, "Another event already stands for this transaction; this one adds its status, and what the first lacked.", "";
    AwaitingConversion = "awaiting_conversion", Event, "The conversion that this event refers to has not arrived yet.", "Nothing is lost: it takes effect when the conversion arrives.";
    Applied = "applied", Event, "The event took effect on its conversion.", "";
    CurrencyMismatch = "currency_mismatch", Event, "The amount is in another currency than its conversion and took no effect.", "Send the amount in the conversion's currency.";
    RefundExceedsValue = "refund_exceeds_value", Event, "The refunds add up to more than the conversion's value; the excess took no effect.", "Check the refund's amount.";
    ContainedInAdjustment = "contained_in_adjustment", Event, "The operator's later adjustment of the value already contains this refund.", "";

    Eligible = "eligible", Touchpoint, "The touchpoint took part.", "";
    AfterConversion = "after_conversion", Touchpoint, "The touchpoint happened after the conversion.", "";
    OutsideWindow = "outside_window", Touchpoint, "The touchpoint is older than its window.", "Windows are set for goals, partners, campaigns and tiers; docs/attribution.md says which goes first.";
    StandDown = "stand_down", Touchpoint, "The touchpoint came after the cart was opened, and somebody else had brought the customer before.", "Send `cart_opened_at` or the goal `cart` again when a customer opens his cart anew; `stand_down: off` in the campaign's set-up switches this off.";
    TooCloseToConversion = "too_close_to_conversion", Touchpoint, "The click or impression came less than the campaign's `minimum_time` before the conversion.", "Too little time to have brought the order; lower `minimum_time` if honest customers are that quick.";
    RepeatInVisit = "repeat_in_visit", Touchpoint, "The touchpoint repeats an earlier one of the same visit.", "";
    TooManyTouchpoints = "too_many_touchpoints", Touchpoint, "The conversion has more touchpoints than can share it; the first and the newest 999 do.", "So many touchpoints of one person are a machine's: look at where they come from.";
    OtherCampaign = "other_campaign", Touchpoint, "The conversion names another campaign.", "";
    ViewOutranked = "view_outranked", Touchpoint, "An impression counts only when there is no eligible click.", "";
    DirectOutranked = "direct_outranked", Touchpoint, "Direct traffic takes no credit beside any other touchpoint.", "";
    NamedOutranked = "named_outranked", Touchpoint, "The partner named by the sender counts only when there is no eligible touchpoint.", "";
    PartnerUnknown = "partner_unknown", Touchpoint, "The touchpoint names a link or partner that is not set up.", "Create it with `tributary apply`; conversions are settled again.";
    OwnedByOther = "owned_by_other", Touchpoint, "The customer is owned through an earlier touchpoint, which takes all.", "See `customer_ownership` of the brand for how long.";
    ChannelUnknown = "channel_unknown", Touchpoint, "The touchpoint names nobody, and no channel rule of the brand fits what it carries.", "Add a rule under `channels` of the brand; conversions are settled again.";
    CodeOutsideDates = "code_outside_dates", Touchpoint, "The promo code was not valid at that time.", "";

    Attributed = "attributed", Conversion, "The conversion's value was credited to its touchpoints.", "";
    NoTouchpoint = "no_touchpoint", Conversion, "No touchpoint of this person is known.", "It is settled again when a late click or a link between identities arrives.";
    NoEligibleTouchpoint = "no_eligible_touchpoint", Conversion, "Touchpoints are known but none was eligible.", "See the reason at each touchpoint.";
    CustomerOwned = "customer_owned", Conversion, "The customer is owned by the partner who won him; the whole value was credited to that partner.", "See `customer_ownership` of the brand for how long.";
    TestAccount = "test_account", Conversion, "The customer is one of the brand's test accounts; the conversion is kept and nobody earns by it.", "Take the customer out of the brand's `test_customers` if he is real.";
    ConversionRejected = "conversion_rejected", Conversion, "The operator rejected the conversion.", "";

    AwaitingApproval = "awaiting_approval", Commission, "The conversion has not been approved yet.", "Approve it by a status event or by reconciliation.";
    InHoldPeriod = "in_hold_period", Commission, "Approved; payable when the plan's hold period has passed.", "";
    Payable = "payable", Commission, "Approved, past its hold period, and part of the next payout.", "";
    PartnerOnHold = "partner_on_hold", Commission, "The partner's money is on hold.", "Lift the hold in the partner's set-up.";
    Rejected = "rejected", Commission, "The conversion was rejected; nothing is owed.", "";
    Reversed = "reversed", Commission, "The conversion was refunded; what was owed is taken back.", "";
    NoPlanRule = "no_plan_rule", Commission, "The plan pays nothing for this goal.", "Add a rule for the goal to the plan.";
    NoPlan = "no_plan", Commission, "Neither partner nor campaign has a plan.", "Name a plan in the campaign's or partner's set-up.";
    OtherChannel = "other_channel", Commission, "The credit belongs to a channel that is not a partner; nobody is paid.", "";

    BelowMinimum = "below_minimum", Payout, "The balance is below the minimum payout and rolls over.", "";
    NothingPayable = "nothing_payable", Payout, "Nothing is payable at the cut-off.", "";
    PayoutPrepared = "payout_prepared", Payout, "The payout is planned and waits for approval.", "";
    PayoutApproved = "payout_approved", Payout, "The payout is approved and waits for export.", "";
    PayoutExported = "payout_exported", Payout, "The payout file was written; the money is in transit.", "";
    PayoutSettled = "payout_settled", Payout, "The money arrived; the payment reference is recorded.", "";
    PayoutFailed = "payout_failed", Payout, "The payment failed; the amount is payable again.", "";

    Matched = "matched", Reconciliation, "Both sides agree.", "";
    AmountDiffers = "amount_differs", Reconciliation, "The amounts differ.", "Apply to adjust to the operator's amount.";
    StatusDiffers = "status_differs", Reconciliation, "The operator's status differs.", "Apply to take over the operator's status.";
    CurrencyDiffers = "currency_differs", Reconciliation, "The currencies differ.", "Review by hand; nothing is adjusted.";
    MissingOurs = "missing_ours", Reconciliation, "The operator has it, we do not.", "Apply to create it from the file.";
    MissingTheirs = "missing_theirs", Reconciliation, "We have it, the operator's file does not.", "Left pending; reject it when the operator confirms.";
    DuplicateTheirs = "duplicate_theirs", Reconciliation, "The file has several rows for one transaction.", "The first row counts.";
    DuplicateOurs = "duplicate_ours", Reconciliation, "We hold several conversions for one transaction.", "The earliest counts.";

    IdentifierJoins = "identifier_joins", Identity, "The identifier joins every fact that carries it.", "";
    IdentifierShared = "identifier_shared", Identity, "Several customers use it: it joins nobody, and each anonymous touch on it goes to the customer who identified himself next.", "";
    IdentifierOfCrowd = "identifier_of_crowd", Identity, "More customers use it than the brand allows: it joins nobody.", "Raise the brand's `most_customers_per_identifier` if they are one household.";
    IdentifierOverrun = "identifier_overrun", Identity, "More hangs on it than the brand allows: it joins nobody any more.", "Look at who sends it; raise the brand's `most_facts_per_identifier` if it is real.";
    IdentifierPlaceholder = "identifier_placeholder", Identity, "It is a placeholder, such as `0` or `undefined`, and stands for nobody.", "Send the identifier, or leave the field out.";
    IdentifierIgnored = "identifier_ignored", Identity, "The brand's `ignored_identifiers` names it: it stands for nobody.", "Take it out of the list if it is real.";
    IdentifierContested = "identifier_contested", Identity, "Customers who were separated share it: it joins them no more, and each anonymous touch on it goes to the customer who identified himself next.", "";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_found_again() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(*reason), "{reason:?} shares its code");
            assert!(!reason.message().is_empty());
        }
    }
}
