//! Those who only pretend: planted families of fraud, each labelled in the ground truth.

use tributary_domain::time::Span;

use super::{Device, Walker, person, purchases};
use crate::world::{BOT_PARTNER, FLOODED_PARTNER, LINKS, PARTNERS, Partner, SELF_REFERRING_PARTNER};

/// Programs that click.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cheat {
    /// One address, one browser, no visitor id, hundreds of clicks within the hour.
    Flood,
    /// User agents of programs, from many addresses.
    Bot,
}

/// Programs as they name themselves; the empty one names nothing.
const PROGRAMS: [&str; 6] = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0 Safari/537.36",
    "python-requests/2.32.3",
    "curl/8.5.0",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "",
];

fn partner(key: &str) -> &'static Partner {
    PARTNERS.iter().find(|partner| partner.key == key).unwrap_or(&PARTNERS[0])
}

/// One click of a program; many such journeys make the flood.
pub(super) fn click_once(walker: &mut Walker, cheat: Cheat) {
    let partner = match cheat {
        Cheat::Flood => {
            walker.device = Device {
                visitor: None,
                ip: "203.0.113.77".into(),
                user_agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
            };
            partner(FLOODED_PARTNER)
        }
        Cheat::Bot => {
            walker.device.visitor = None;
            walker.device.user_agent = walker.random.pick(&PROGRAMS).copied().unwrap_or_default();
            partner(BOT_PARTNER)
        }
    };
    person::click_link_of(walker, partner);
}

/// The creator follows his own link with a fresh browser, opens an account with his own e-mail address, buys, and sends
/// everything back once the usual hold is over.
pub(super) fn shop_by_own_link(walker: &mut Walker) {
    let own = partner(SELF_REFERRING_PARTNER);
    walker.device.ip = "192.0.2.140".into();
    walker.email = Some(partner_email(own));
    if let Some(link) = LINKS.iter().find(|link| link.partner == own.key) {
        person::click(walker, own, link);
    }
    walker.wait(Span(3 * Span::MINUTE.0), Span(9 * Span::MINUTE.0));
    person::register(walker);
    walker.wait(Span(2 * Span::MINUTE.0), Span(6 * Span::MINUTE.0));
    purchases::buy(walker, true);
    for (order, bought_at) in purchases::orders(walker) {
        let already_back = format!("bck-{order}");
        if walker.events.iter().any(|sent| sent.event.event_id.as_deref() == Some(already_back.as_str())) {
            continue;
        }
        walker.now = bought_at;
        walker.wait(Span::days(31), Span::days(33));
        purchases::send_back(walker, &order, "refund", None);
    }
}

/// The address under which a partner is known to the operator.
fn partner_email(partner: &Partner) -> String {
    format!("{}@partners.example.org", partner.key.replace('_', "."))
}
