//! Windows and models: what each level of the set-up states, and what holds where it states nothing.
//!
//! | level | windows | model |
//! | --- | --- | --- |
//! | goal of a campaign | yes | yes |
//! | partner | yes | |
//! | campaign | yes | yes |
//! | tier of a brand | yes | yes |
//! | built in, by tier | yes | yes |
//!
//! An upper level goes before a lower one, for each window by itself. What a level leaves out stays left out in the set-up, so
//! that a later change of a lower level reaches it.

use crate::attribution::models::Model;
use crate::ids::{BrandKey, CampaignKey, Goal, PartnerKey};
use crate::time::{Span, Timestamp};

use super::{Brand, Campaign, Configuration, Partner, Tier};

/// The level of the set-up that states a term.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TermsLevel {
    /// A goal of a campaign.
    Goal,
    /// A partner.
    Partner,
    /// A campaign.
    Campaign,
    /// A tier of a brand.
    Tier,
    /// A brand, for all its campaigns.
    Brand,
    /// Nobody states it.
    BuiltIn,
}

impl TermsLevel {
    /// The published name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Goal => "goal",
            Self::Partner => "partner",
            Self::Campaign => "campaign",
            Self::Tier => "tier",
            Self::Brand => "brand",
            Self::BuiltIn => "built_in",
        }
    }
}

/// The levels that state the windows of a touchpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WindowLevels {
    /// That of the window for clicks and promo codes.
    pub click: TermsLevel,
    /// That of the window for impressions.
    pub view: TermsLevel,
}

/// How long a touchpoint may earn credit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Windows {
    /// For clicks and promo codes.
    pub click: Span,
    /// For impressions.
    pub view: Span,
}

/// Windows as one level of the set-up states them; what it leaves out is inherited.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StatedWindows {
    /// For clicks and promo codes.
    pub click: Option<Span>,
    /// For impressions.
    pub view: Option<Span>,
}

impl StatedWindows {
    /// These windows, and from the lower level what they leave out.
    #[must_use]
    pub fn or(self, lower: Self) -> Self {
        Self { click: self.click.or(lower.click), view: self.view.or(lower.view) }
    }

    /// The longest that is stated.
    #[must_use]
    pub fn longest(self) -> Option<Span> {
        self.click.max(self.view)
    }
}

/// What a brand states for all its campaigns of one tier.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TierTerms {
    /// How long touchpoints may earn.
    pub windows: StatedWindows,
    /// Who gets which share.
    pub model: Option<Model>,
}

/// What a brand states for its tiers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tiers {
    /// For campaigns of the tier `awareness`.
    pub awareness: TierTerms,
    /// For campaigns of the tier `consideration`.
    pub consideration: TierTerms,
    /// For campaigns of the tier `conversion`.
    pub conversion: TierTerms,
}

impl Tiers {
    /// What is stated for a tier.
    #[must_use]
    pub const fn of(&self, tier: Tier) -> &TierTerms {
        match tier {
            Tier::Awareness => &self.awareness,
            Tier::Consideration => &self.consideration,
            Tier::Conversion => &self.conversion,
        }
    }
}

/// What a campaign states for one goal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GoalTerms {
    /// The step that a conversion reaches.
    pub goal: Goal,
    /// How long touchpoints may earn for it.
    pub windows: StatedWindows,
    /// Who gets which share of it.
    pub model: Option<Model>,
}

/// The model of a campaign for which no level states one: the commissioned 60 % to the last touchpoint.
pub const BUILT_IN_MODEL: Model = Model::WeightedLastTouch { last_share_ppm: 600_000 };

/// An impression counts for a day, the trade's usual view-through window.
const BUILT_IN_VIEW_WINDOW: Span = Span::DAY;

/// The click window of a touchpoint that belongs to no campaign (another channel): the widest that is built in.
const NO_CAMPAIGN_WINDOW: Span = Tier::Awareness.click_window();

impl Windows {
    /// The windows of a touchpoint for a conversion that reaches `goal`, by the versions in force at the conversion.
    ///
    /// ```
    /// use tributary_domain::configuration::{StatedWindows, Windows};
    /// use tributary_domain::time::Span;
    ///
    /// let goal = tributary_domain::ids::Goal::parse("purchase").unwrap();
    /// let windows = Windows::of(None, None, None, &goal);
    /// assert_eq!((windows.click, windows.view), (Span::days(30), Span::days(1)));
    /// ```
    #[must_use]
    pub fn of(
        brand: Option<&Brand>,
        campaign: Option<&Campaign>,
        partner: Option<&Partner>,
        goal: &Goal,
    ) -> Self {
        Self::with_levels(brand, campaign, partner, goal).0
    }

    /// The same as [`Self::of`], with the level that states each window.
    #[must_use]
    pub fn with_levels(
        brand: Option<&Brand>,
        campaign: Option<&Campaign>,
        partner: Option<&Partner>,
        goal: &Goal,
    ) -> (Self, WindowLevels) {
        let of_goal = campaign.and_then(|campaign| campaign.goal_terms(goal)).map(|terms| terms.windows);
        let of_partner = partner.map(|partner| partner.windows);
        let of_campaign = campaign.map(|campaign| campaign.windows);
        let of_tier = campaign.zip(brand).map(|(campaign, brand)| brand.tiers.of(campaign.tier).windows);
        let levels = [
            (TermsLevel::Goal, of_goal),
            (TermsLevel::Partner, of_partner),
            (TermsLevel::Campaign, of_campaign),
            (TermsLevel::Tier, of_tier),
        ];
        let first = |window: fn(StatedWindows) -> Option<Span>, built_in: Span| {
            let stated = levels.iter().find_map(|(level, windows)| Some((window((*windows)?)?, *level)));
            stated.unwrap_or((built_in, TermsLevel::BuiltIn))
        };
        let built_in = campaign.map_or(NO_CAMPAIGN_WINDOW, |campaign| campaign.tier.click_window());
        let (click, of_click) = first(|windows| windows.click, built_in);
        let (view, of_view) = first(|windows| windows.view, BUILT_IN_VIEW_WINDOW);
        (Self { click, view }, WindowLevels { click: of_click, view: of_view })
    }
}

impl Campaign {
    /// What the campaign states for a goal.
    #[must_use]
    pub fn goal_terms(&self, goal: &Goal) -> Option<&GoalTerms> {
        self.goals.iter().find(|terms| terms.goal == *goal)
    }

    /// The model for conversions of this campaign that reach `goal`.
    #[must_use]
    pub fn model_for<'m>(&'m self, brand: Option<&'m Brand>, goal: &Goal) -> &'m Model {
        self.model_with_level(brand, goal).0
    }

    /// The same as [`Self::model_for`], with the level that states it.
    #[must_use]
    pub fn model_with_level<'m>(&'m self, brand: Option<&'m Brand>, goal: &Goal) -> (&'m Model, TermsLevel) {
        let of_goal = self.goal_terms(goal).and_then(|terms| terms.model.as_ref());
        of_goal.map_or_else(|| self.model_without_goal(brand), |model| (model, TermsLevel::Goal))
    }

    /// The model for goals of which the campaign says nothing.
    fn model_without_goal<'m>(&'m self, brand: Option<&'m Brand>) -> (&'m Model, TermsLevel) {
        let of_tier = || brand.and_then(|brand| brand.tiers.of(self.tier).model.as_ref());
        match (&self.model, of_tier()) {
            (Some(model), _) => (model, TermsLevel::Campaign),
            (None, Some(model)) => (model, TermsLevel::Tier),
            (None, None) => (&BUILT_IN_MODEL, TermsLevel::BuiltIn),
        }
    }
}

impl Configuration {
    /// The windows of a touchpoint for a conversion of that goal at that moment.
    #[must_use]
    pub fn windows(
        &self,
        brand: &BrandKey,
        campaign: Option<&CampaignKey>,
        partner: Option<&PartnerKey>,
        goal: &Goal,
        at: Timestamp,
    ) -> Windows {
        let campaign = campaign.and_then(|key| self.campaign(brand, key, at));
        let partner = partner.and_then(|key| self.partner(brand, key, at));
        Windows::of(self.brand(brand, at), campaign, partner, goal)
    }

    /// The model for a conversion of that campaign and goal at that moment; last touch without a campaign.
    #[must_use]
    pub fn model(
        &self,
        brand: &BrandKey,
        campaign: Option<&CampaignKey>,
        goal: &Goal,
        at: Timestamp,
    ) -> &Model {
        self.model_with_level(brand, campaign, goal, at).0
    }

    /// The same as [`Self::model`], with the level that states it.
    #[must_use]
    pub fn model_with_level(
        &self,
        brand: &BrandKey,
        campaign: Option<&CampaignKey>,
        goal: &Goal,
        at: Timestamp,
    ) -> (&Model, TermsLevel) {
        let campaign = campaign.and_then(|key| self.campaign(brand, key, at));
        campaign.map_or((&Model::LastTouch, TermsLevel::BuiltIn), |campaign| {
            campaign.model_with_level(self.brand(brand, at), goal)
        })
    }

    /// Every model that some version of a brand's campaigns has or had for some goal, each once.
    #[must_use]
    pub fn models(&self, brand: &BrandKey) -> Vec<Model> {
        let tenants: Vec<Option<&Brand>> = match self.brands.get(brand) {
            Some(versions) => versions.iter().map(|(_, tenant)| Some(tenant)).collect(),
            None => vec![None],
        };
        let campaigns = self.campaigns.iter().filter(|((of, _), _)| of == brand);
        let mut models: Vec<Model> = Vec::new();
        for (_, campaign) in campaigns.flat_map(|(_, versions)| versions.iter()) {
            let of_goals = campaign.goals.iter().filter_map(|terms| terms.model.as_ref());
            let of_rest = tenants.iter().map(|tenant| campaign.model_without_goal(*tenant).0);
            for model in of_goals.chain(of_rest) {
                if !models.contains(model) {
                    models.push(model.clone());
                }
            }
        }
        models
    }

    /// The longest window that any version of anything states or has built in.
    #[must_use]
    pub fn widest_window(&self) -> Span {
        let campaigns = self.campaigns.values().flat_map(|versions| versions.iter());
        let of_campaigns = campaigns.flat_map(|(_, campaign)| {
            campaign.goals.iter().map(|terms| terms.windows).chain([campaign.windows])
        });
        let partners = self.partners.values().flat_map(|versions| versions.iter());
        let of_partners = partners.map(|(_, partner)| partner.windows);
        let brands = self.brands.values().flat_map(|versions| versions.iter());
        let of_tiers = brands.flat_map(|(_, brand)| {
            let Tiers { awareness, consideration, conversion } = &brand.tiers;
            [awareness.windows, consideration.windows, conversion.windows]
        });
        let stated = of_campaigns.chain(of_partners).chain(of_tiers);
        stated.filter_map(StatedWindows::longest).fold(NO_CAMPAIGN_WINDOW, Ord::max)
    }
}
