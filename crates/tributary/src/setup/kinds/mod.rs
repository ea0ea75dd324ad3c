//! The seven kinds of entities: how each is read from fields and written back in its canonical form.
//!
//! Canonical means: every field present, defaults filled in. What is stored therefore says by itself what was in
//! force, even when a later release has other defaults.

mod brand;
mod campaign;
mod channels;
mod link;
mod model;
mod ownership;
mod partner;
mod plan;
mod source;
mod stand_down;
mod terms;
mod values;
mod weights;

use serde_json::Value;
use tributary_domain::attribution::models::TrainedWeights;
use tributary_domain::configuration::{Brand, Campaign, Link, Partner, Plan, Source};
use tributary_domain::ids::{
    BrandKey, CampaignKey, IdError, LinkKey, PartnerKey, PlanKey, SourceKey, WeightsKey,
};

use super::document::EnvironmentReader;
use super::fields::Fields;
use super::problem::{Place, Problem};

/// What an entity is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// `brands`
    Brand,
    /// `plans`
    Plan,
    /// `weights`
    Weights,
    /// `campaigns`
    Campaign,
    /// `partners`
    Partner,
    /// `links`
    Link,
    /// `sources`
    Source,
}

impl Kind {
    /// Every kind, referred-to ones before those that refer to them.
    pub const ALL: [Self; 7] =
        [Self::Brand, Self::Plan, Self::Weights, Self::Campaign, Self::Partner, Self::Link, Self::Source];

    /// The name in storage and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Brand => "brand",
            Self::Plan => "plan",
            Self::Weights => "weights",
            Self::Campaign => "campaign",
            Self::Partner => "partner",
            Self::Link => "link",
            Self::Source => "source",
        }
    }

    /// The name of the section in a set-up file.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::Brand => "brands",
            Self::Plan => "plans",
            Self::Weights => "weights",
            Self::Campaign => "campaigns",
            Self::Partner => "partners",
            Self::Link => "links",
            Self::Source => "sources",
        }
    }

    /// Finds a kind by its name in storage.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Checks the form of a key of this kind.
    pub fn check_key(self, text: &str) -> Result<String, IdError> {
        match self {
            Self::Brand => BrandKey::parse(text).map(drop),
            Self::Plan => PlanKey::parse(text).map(drop),
            Self::Weights => WeightsKey::parse(text).map(drop),
            Self::Campaign => CampaignKey::parse(text).map(drop),
            Self::Partner => PartnerKey::parse(text).map(drop),
            Self::Link => LinkKey::parse(text).map(drop),
            Self::Source => SourceKey::parse(text).map(drop),
        }
        .map(|()| text.to_owned())
    }

    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Brand => brand::FIELDS,
            Self::Plan => plan::FIELDS,
            Self::Weights => weights::FIELDS,
            Self::Campaign => campaign::FIELDS,
            Self::Partner => partner::FIELDS,
            Self::Link => link::FIELDS,
            Self::Source => source::FIELDS,
        }
    }
}

/// One entity's content.
#[derive(Clone, PartialEq, Debug)]
pub enum Body {
    /// A brand.
    Brand(Brand),
    /// A plan.
    Plan(Plan),
    /// Trained weights.
    Weights(TrainedWeights),
    /// A campaign.
    Campaign(Campaign),
    /// A partner.
    Partner(Partner),
    /// A link.
    Link(Link),
    /// A source.
    Source(Source),
}

impl Body {
    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Brand(_) => Kind::Brand,
            Self::Plan(_) => Kind::Plan,
            Self::Weights(_) => Kind::Weights,
            Self::Campaign(_) => Kind::Campaign,
            Self::Partner(_) => Kind::Partner,
            Self::Link(_) => Kind::Link,
            Self::Source(_) => Kind::Source,
        }
    }

    /// The canonical form, secrets in the clear: seal it before it is stored, never print it.
    #[must_use]
    pub fn canonical(&self) -> Value {
        match self {
            Self::Brand(brand) => brand::write(brand),
            Self::Plan(plan) => plan::write(plan),
            Self::Weights(trained) => weights::write(trained),
            Self::Campaign(campaign) => campaign::write(campaign),
            Self::Partner(partner) => partner::write(partner),
            Self::Link(link) => link::write(link),
            Self::Source(source) => source::write(source),
        }
    }
}

/// Fields that stand beside the content: who and from when on.
pub(super) const HEADER: &[&str] = &["key", "brand", "effective_from"];

/// What the content of an entity is read with.
pub(super) struct Context<'a> {
    /// Its brand.
    pub(super) brand: BrandKey,
    /// Its own key.
    pub(super) key: &'a str,
    /// Looks up `env:NAME` secrets.
    pub(super) environment: EnvironmentReader<'a>,
}

/// Opens an entity's mapping: header and content fields are known, nothing else.
pub(super) fn open<'v>(kind: Kind, value: &'v Value, place: Place) -> Result<Fields<'v>, Problem> {
    // A brand is its own brand.
    let header = if kind == Kind::Brand { &["key", "effective_from"][..] } else { HEADER };
    Fields::open(value, place, &[header, kind.fields()])
}

/// Reads the content of an entity.
pub(super) fn read(kind: Kind, fields: &Fields<'_>, context: &Context<'_>) -> Result<Body, Problem> {
    match kind {
        Kind::Brand => brand::read(fields, context).map(Body::Brand),
        Kind::Plan => plan::read(fields, context).map(Body::Plan),
        Kind::Weights => weights::read(fields).map(Body::Weights),
        Kind::Campaign => campaign::read(fields, context).map(Body::Campaign),
        Kind::Partner => partner::read(fields, context).map(Body::Partner),
        Kind::Link => link::read(fields, context).map(Body::Link),
        Kind::Source => source::read(fields, context).map(Body::Source),
    }
}
