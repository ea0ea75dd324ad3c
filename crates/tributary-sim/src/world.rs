//! The world: `lumen`, a shop for lamps with a members' club, and everybody who sends people there.
//!
//! All of it is invented. The tables here are what the journeys draw from, and [`set_up`] writes them as the file that
//! `tributary apply` takes, so that events and set-up cannot drift apart.

use std::fmt::Write as _;

/// The brand's key.
pub const BRAND: &str = "lumen";
/// The brand's currency.
pub const CURRENCY: &str = "EUR";
/// The shop's website, which forwards clicks and forgets nobody it has seen.
pub const SITE: &str = "lumen_site";
/// The shop's backend, which reports orders and what comes back.
pub const SHOP: &str = "lumen_shop";
/// The customer-relations system, which knows accounts and has the last word on orders.
pub const CRM: &str = "lumen_crm";
/// The publisher network's tracker, whose clock is off by up to a minute.
pub const NETWORK: &str = "meshline_network";

/// A campaign of the world.
#[derive(Debug, PartialEq, Eq)]
pub struct Campaign {
    /// Its key.
    pub key: &'static str,
    /// Its tier by its published name.
    pub tier: &'static str,
    /// Days for which a click counts.
    pub click_window_days: i64,
    /// Its model by its published name.
    pub model: &'static str,
    /// What it pays.
    pub plan: &'static str,
    /// Where it leads below the shop's address.
    pub path: &'static str,
}

/// Its campaigns: one of each tier.
pub const CAMPAIGNS: [Campaign; 3] = [
    Campaign {
        key: "light_stories",
        tier: "awareness",
        click_window_days: 30,
        model: "linear",
        plan: "creator_share",
        path: "stories",
    },
    Campaign {
        key: "room_planner",
        tier: "consideration",
        click_window_days: 14,
        model: "weighted_last_touch",
        plan: "sale_share",
        path: "planner",
    },
    Campaign {
        key: "club_launch",
        tier: "conversion",
        click_window_days: 7,
        model: "last_touch",
        plan: "club_member",
        path: "club",
    },
];

/// A partner of the world.
#[derive(Debug, PartialEq, Eq)]
pub struct Partner {
    /// Its key.
    pub key: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// `affiliate`, `creator`, `ib`, `network`.
    pub kind: &'static str,
    /// Who recruited it.
    pub parent: Option<&'static str>,
    /// A plan of its own.
    pub plan: Option<&'static str>,
    /// How much of the traffic it brings, relative to the others.
    pub reach: u32,
    /// Which source reports its clicks.
    pub source: &'static str,
}

const fn partner(key: &'static str, name: &'static str, kind: &'static str, reach: u32) -> Partner {
    Partner { key, name, kind, parent: None, plan: None, reach, source: SITE }
}

/// The creator whose post goes round the world, with nothing wrong about it.
pub const VIRAL_PARTNER: &str = "cr_8f3a2d";
/// The affiliate on whose link one address clicks without end.
pub const FLOODED_PARTNER: &str = "deal_lantern";
/// The affiliate whose visitors are programs.
pub const BOT_PARTNER: &str = "pixel_parade";
/// The creator who shops by his own link and sends everything back.
pub const SELF_REFERRING_PARTNER: &str = "cr_e47d18";

/// Its partners.
pub const PARTNERS: [Partner; 11] = [
    partner("cr_8f3a2d", "Anna Lindqvist", "creator", 26),
    partner("cr_51c07e", "Teo Marchetti", "creator", 14),
    partner("cr_b2290f", "Mira Okafor", "creator", 11),
    partner("cr_e47d18", "Jonas Beck", "creator", 4),
    partner("nordlys_living", "Nordlys Living", "affiliate", 16),
    partner("stube_und_stil", "Stube & Stil", "affiliate", 9),
    partner("deal_lantern", "Deal Lantern", "affiliate", 8),
    Partner { plan: Some("introduction"), ..partner("northgate_intro", "Northgate Introductions", "ib", 3) },
    Partner { source: NETWORK, ..partner("meshline", "Meshline Publisher Network", "network", 2) },
    Partner {
        parent: Some("meshline"),
        source: NETWORK,
        ..partner("budget_rooms", "Budget Rooms", "affiliate", 5)
    },
    Partner {
        parent: Some("meshline"),
        source: NETWORK,
        ..partner("pixel_parade", "Pixel Parade", "affiliate", 2)
    },
];

/// A link or code of the world.
#[derive(Debug, PartialEq, Eq)]
pub struct Link {
    /// Short key as in `/c/{link}`.
    pub key: &'static str,
    /// Whose it is.
    pub partner: &'static str,
    /// What it promotes.
    pub campaign: &'static str,
    /// The code that stands for it.
    pub promo_code: Option<&'static str>,
}

const fn link(key: &'static str, partner: &'static str, campaign: &'static str) -> Link {
    Link { key, partner, campaign, promo_code: None }
}

const fn coded(
    key: &'static str,
    partner: &'static str,
    campaign: &'static str,
    promo_code: &'static str,
) -> Link {
    Link { key, partner, campaign, promo_code: Some(promo_code) }
}

/// Its links; those of a partner stand together, the first being the one he uses most.
pub const LINKS: [Link; 20] = [
    coded("anna1", "cr_8f3a2d", "light_stories", "ANNA10"),
    link("anna2", "cr_8f3a2d", "club_launch"),
    coded("teo1", "cr_51c07e", "light_stories", "TEO10"),
    link("teo2", "cr_51c07e", "room_planner"),
    coded("mira1", "cr_b2290f", "light_stories", "MIRAGLOW"),
    link("mira2", "cr_b2290f", "club_launch"),
    coded("jonas1", "cr_e47d18", "light_stories", "JONAS5"),
    link("nord1", "nordlys_living", "room_planner"),
    link("nord2", "nordlys_living", "light_stories"),
    link("nord3", "nordlys_living", "club_launch"),
    link("stube1", "stube_und_stil", "room_planner"),
    link("stube2", "stube_und_stil", "club_launch"),
    coded("deal1", "deal_lantern", "club_launch", "LANTERN15"),
    link("deal2", "deal_lantern", "room_planner"),
    link("gate1", "northgate_intro", "club_launch"),
    link("mesh1", "meshline", "room_planner"),
    link("budget1", "budget_rooms", "room_planner"),
    link("budget2", "budget_rooms", "club_launch"),
    link("parade1", "pixel_parade", "club_launch"),
    link("parade2", "pixel_parade", "light_stories"),
];

/// Channels that are nobody's partner, with how often people come through them.
pub const CHANNELS: [(&str, u32); 4] =
    [("email", 5), ("paid_search", 4), ("organic_search", 4), ("direct", 3)];

/// What the caller decides about the set-up file.
#[derive(Clone, Debug)]
pub struct SetUp<'a> {
    /// Address of the shop, such as `https://example.com`; campaigns lead to pages below it.
    pub shop_address: &'a str,
    /// Secrets of the four sources.
    pub secrets: &'a Secrets,
}

/// A secret for each source, as it shall stand in the file: itself, or a reference such as `env:NAME`. Made by the
/// caller, since this crate draws nothing that is fit for secrets; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// For [`SITE`].
    pub site: String,
    /// For [`SHOP`].
    pub shop: String,
    /// For [`CRM`].
    pub crm: String,
    /// For [`NETWORK`].
    pub network: String,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(..)")
    }
}

impl Secrets {
    /// Each source with its secret.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [(SITE, &self.site), (SHOP, &self.shop), (CRM, &self.crm), (NETWORK, &self.network)]
            .into_iter()
            .map(|(source, secret)| (source, secret.as_str()))
    }
}

/// The world as a set-up file (YAML) for `tributary apply`.
#[must_use]
pub fn set_up(choices: &SetUp<'_>) -> String {
    let mut file = String::with_capacity(6_000);
    // Writing to a text cannot fail; the answer has nothing to say.
    let _ = write_set_up(&mut file, choices);
    file
}

fn write_set_up(file: &mut String, choices: &SetUp<'_>) -> std::fmt::Result {
    let address = choices.shop_address.trim_end_matches('/');
    writeln!(
        file,
        "# Lumen: an invented shop for lamps with a members' club, and everybody who sends people there."
    )?;
    writeln!(file, "brands:\n  - key: {BRAND}\n    name: Lumen\n    currency: {CURRENCY}")?;
    writeln!(file, "    fallback_url: {}", quoted(&format!("{address}/")))?;
    file.push_str(PLANS);
    writeln!(file, "\ncampaigns:")?;
    for campaign in &CAMPAIGNS {
        let destination = quoted(&format!("{address}/{}", campaign.path));
        writeln!(
            file,
            "  - key: {}\n    tier: {}\n    destination: {destination}",
            campaign.key, campaign.tier
        )?;
        writeln!(file, "    windows: {{click: {}d, view: 1d}}", campaign.click_window_days)?;
        writeln!(file, "    model: {}\n    plan: {}", campaign.model, campaign.plan)?;
    }
    writeln!(file, "\npartners:")?;
    for partner in &PARTNERS {
        writeln!(file, "  - key: {}\n    name: {}", partner.key, quoted(partner.name))?;
        writeln!(file, "    kind: {}\n    minimum_payout: [\"25.00 {CURRENCY}\"]", partner.kind)?;
        for (field, value) in [("parent", partner.parent), ("plan", partner.plan)] {
            if let Some(value) = value {
                writeln!(file, "    {field}: {value}")?;
            }
        }
    }
    writeln!(file, "\nlinks:")?;
    for link in &LINKS {
        write!(file, "  - {{key: {}, partner: {}, campaign: {}", link.key, link.partner, link.campaign)?;
        if let Some(code) = link.promo_code {
            write!(file, ", promo_code: {code}")?;
        }
        writeln!(file, "}}")?;
    }
    writeln!(file, "\n# Shop and customer relations speak about the same orders.\nsources:")?;
    for (source, secret) in choices.secrets.iter() {
        writeln!(file, "  - key: {source}\n    secrets: [{}]", quoted(secret))?;
        writeln!(file, "    default_currency: {CURRENCY}")?;
        if source == SHOP || source == CRM {
            writeln!(file, "    transaction_namespace: lumen_orders")?;
        }
    }
    Ok(())
}

/// A text as YAML takes it whatever stands in it: as a JSON string, of which YAML is a superset.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What is paid: a share, a fixed sum per member, a fee for introductions.
const PLANS: &str = r#"
plans:
  - key: creator_share
    rules:
      - {goal: registration, pays: "1.50 EUR"}
      - {goal: purchase, pays: "10%"}
    hold: 14d
  - key: sale_share
    rules:
      - {goal: purchase, pays: "7.5%"}
    hold: 30d
  - key: club_member
    rules:
      - {goal: registration, pays: "2.00 EUR"}
      - {goal: first_purchase, pays: "12.00 EUR"}
      - {goal: purchase, pays: "3%"}
    hold: 14d
  - key: introduction
    rules:
      - {goal: first_purchase, pays: "25.00 EUR"}
      - {goal: purchase, pays: "2%"}
    hold: 30d
    approves_automatically: true
"#;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn secrets() -> Secrets {
        Secrets {
            site: "env:SITE".into(),
            shop: "a \"quoted\" # secret".into(),
            crm: "env:CRM".into(),
            network: "env:NETWORK".into(),
        }
    }

    #[test]
    fn whatever_is_named_is_there_and_keys_are_unique() {
        let campaigns: HashSet<_> = CAMPAIGNS.iter().map(|campaign| campaign.key).collect();
        let partners: HashSet<_> = PARTNERS.iter().map(|partner| partner.key).collect();
        let links: HashSet<_> = LINKS.iter().map(|link| link.key).collect();
        assert_eq!(
            (campaigns.len(), partners.len(), links.len()),
            (CAMPAIGNS.len(), PARTNERS.len(), LINKS.len())
        );
        for link in &LINKS {
            assert!(campaigns.contains(link.campaign) && partners.contains(link.partner), "{link:?}");
        }
        for partner in &PARTNERS {
            assert!(LINKS.iter().any(|link| link.partner == partner.key), "{partner:?} has no link");
            assert!(partner.parent.is_none_or(|parent| partners.contains(parent)), "{partner:?}");
        }
        for planted in [VIRAL_PARTNER, FLOODED_PARTNER, BOT_PARTNER, SELF_REFERRING_PARTNER] {
            assert!(partners.contains(planted), "{planted}");
        }
        let file = set_up(&SetUp { shop_address: "https://example.com/", secrets: &secrets() });
        let plans = CAMPAIGNS.iter().map(|c| c.plan).chain(PARTNERS.iter().filter_map(|p| p.plan));
        for plan in plans {
            assert!(file.contains(&format!("  - key: {plan}\n    rules:")), "{plan}");
        }
    }

    #[test]
    fn links_of_a_partner_stand_together() {
        let mut order: Vec<_> = LINKS.iter().map(|link| link.partner).collect();
        order.dedup();
        assert_eq!(order.len(), PARTNERS.len());
    }

    #[test]
    fn secrets_stand_in_the_file_only_and_cannot_break_out_of_their_quotes() {
        let secrets = secrets();
        let file = set_up(&SetUp { shop_address: "https://example.com", secrets: &secrets });
        assert!(file.contains(r#"secrets: ["a \"quoted\" # secret"]"#));
        assert!(!format!("{secrets:?}").contains("secret\""));
        assert!(file.contains(r#"destination: "https://example.com/club""#));
    }
}
