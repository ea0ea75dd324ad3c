//! Journeys with late clicks of coupon extensions, and honest ones that look like them: what the stand-down rule is measured by.
//!
//! Every journey has one click that is judged. The times are of people who shop: a cart stands open for minutes, now and then for longer.
//! Both groups hold cases that no rule by the clock can tell apart; they are rare here as they are in a shop, and drawn at the stated rates.

use crate::random::Random;

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// What the judged click is in truth.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Truth {
    /// An extension clicked when the customer was about to pay; somebody else had brought him.
    LateCoupon,
    /// Somebody clicked because he wanted to, or nobody else had brought the customer.
    Honest,
}

/// How a journey goes. Late coupon clicks first, then honest ones.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Course {
    /// Cart, coupon click within minutes, order.
    CouponBeforePaying,
    /// Cart, coupon click, checkout page, order: the checkout is younger than the click.
    CouponBeforeCheckout,
    /// The extension clicks twice.
    CouponTwice,
    /// The coupon site had a fair click of its own days before; the late one is another.
    CouponAfterFairClick,
    /// The customer lets his cart stand for more than half an hour before the extension clicks. Three in a thousand.
    CouponOnAnOldCart,
    /// The click comes before the cart.
    BeforeTheCart,
    /// The customer leaves his cart, comes back by the link and opens the cart again.
    CartOpenedAgain,
    /// The customer comes back by the link the next day, to the cart he left.
    NextDay,
    /// The customer comes back by the link later the same day, to the cart he left.
    LaterThatDay,
    /// One partner before and after the cart, and nobody else.
    OnePartnerAllAlong,
    /// Nobody but the partner's click, after the cart.
    NobodyElse,
    /// The order says nothing of its cart.
    UnknownCart,
    /// The customer follows a link from his open cart and pays without opening it again: by the clock, a coupon extension. Two in a
    /// thousand.
    ReadsAReviewWhilePaying,
}

impl Default for Who {
    fn default() -> Self {
        Self::Channel("direct")
    }
}

impl Course {
    /// Late coupon clicks, with how many of a thousand go so.
    pub const LATE: [(Self, u32); 5] = [
        (Self::CouponBeforePaying, 567),
        (Self::CouponBeforeCheckout, 200),
        (Self::CouponTwice, 130),
        (Self::CouponAfterFairClick, 100),
        (Self::CouponOnAnOldCart, 3),
    ];
    /// Honest clicks, likewise.
    pub const HONEST: [(Self, u32); 8] = [
        (Self::BeforeTheCart, 398),
        (Self::CartOpenedAgain, 150),
        (Self::NextDay, 120),
        (Self::LaterThatDay, 80),
        (Self::OnePartnerAllAlong, 120),
        (Self::NobodyElse, 80),
        (Self::UnknownCart, 50),
        (Self::ReadsAReviewWhilePaying, 2),
    ];
}

/// How the shop tells when the cart was opened.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Telling {
    /// With the order.
    WithTheOrder,
    /// By an event of the goal `cart`.
    ByCartEvent,
    /// By an event of the goal `checkout`, and no other.
    ByCheckoutEvent,
    /// Not at all.
    #[default]
    Never,
}

/// Who touches.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Who {
    /// A partner's link, by its key in [`crate::world::LINKS`].
    Link(&'static str),
    /// A channel that is nobody's partner.
    Channel(&'static str),
}

/// What happens.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Act {
    /// A click.
    Click(Who),
    /// A qualification of that goal: `cart` or `checkout`.
    Step(&'static str),
    /// The order, with what it says of its cart, in microseconds.
    Order {
        /// When the cart was opened last.
        cart_opened_at: Option<i64>,
    },
}

/// One act of a journey.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Deed {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// What.
    pub act: Act,
    /// Whether this click is the judged one.
    pub is_judged: bool,
}

/// A journey with the truth about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Journey {
    /// What its judged click is.
    pub truth: Truth,
    /// How it goes.
    pub course: Course,
    /// What happens, in order of time.
    pub deeds: Vec<Deed>,
}

/// Links of partners who bring customers, and channels that do.
const BRINGING: [Who; 9] = [
    Who::Link("anna1"),
    Who::Link("teo2"),
    Who::Link("mira1"),
    Who::Link("nord1"),
    Who::Link("nord3"),
    Who::Link("stube1"),
    Who::Channel("email"),
    Who::Channel("paid_search"),
    Who::Channel("organic_search"),
];
/// Links of the coupon site.
const COUPON: [Who; 2] = [Who::Link("deal1"), Who::Link("deal2")];
/// Links of partners whose clicks are honest: nobody of [`BRINGING`], so that the two are always others.
const RETURNING: [Who; 3] = [Who::Link("budget1"), Who::Link("budget2"), Who::Link("gate1")];

/// The journey of that number: an even one ends with a late coupon click, an odd one is honest.
///
/// `start` is the moment in microseconds around which it plays. Equal arguments give the equal journey for ever.
#[must_use]
pub fn journey(seed: u64, number: u64, start: i64) -> Journey {
    let mut random = Random::of(seed, 0x5d0, number);
    let (truth, course) = if number.is_multiple_of(2) {
        (Truth::LateCoupon, drawn(&mut random, &Course::LATE))
    } else {
        (Truth::Honest, drawn(&mut random, &Course::HONEST))
    };
    let mut walk = Walk { random, cart: start, deeds: Vec::new() };
    walk.go(course);
    let mut deeds = walk.deeds;
    deeds.sort_by_key(|deed| deed.at);
    Journey { truth, course, deeds }
}

fn drawn(random: &mut Random, courses: &[(Course, u32)]) -> Course {
    let place = random.weighted(courses.iter().map(|(_, weight)| *weight));
    courses.get(place).map_or(Course::BeforeTheCart, |(course, _)| *course)
}

/// A journey in the making.
struct Walk {
    random: Random,
    /// When the cart is opened first.
    cart: i64,
    deeds: Vec<Deed>,
}

impl Walk {
    fn go(&mut self, course: Course) {
        match course {
            Course::CouponBeforePaying => {
                self.brought();
                let at = self.judged_after(self.cart, 3 * SECOND, 25 * MINUTE, &COUPON);
                self.order(at, &[self.cart], None);
            }
            Course::CouponBeforeCheckout => {
                self.brought();
                let at = self.judged_after(self.cart, 3 * SECOND, 20 * MINUTE, &COUPON);
                let checkout = at + self.random.between(SECOND, MINUTE);
                self.add(checkout, Act::Step("checkout"));
                // The shop tells of both pages, so the cart is never told by the checkout alone.
                let telling = self.one_of(&[Telling::WithTheOrder, Telling::ByCartEvent]);
                self.order(checkout, &[self.cart], Some(telling));
            }
            Course::CouponTwice => {
                self.brought();
                let first = self.cart + self.random.between(3 * SECOND, 10 * MINUTE);
                let who = self.one_of(&COUPON);
                self.add(first, Act::Click(who));
                let at = self.judged_after(first, SECOND, 10 * MINUTE, &[who]);
                self.order(at, &[self.cart], None);
            }
            Course::CouponAfterFairClick => {
                self.brought();
                let before = self.random.between(HOUR, 72 * HOUR);
                self.add(self.cart - before, Act::Click(COUPON[0]));
                let at = self.judged_after(self.cart, 3 * SECOND, 25 * MINUTE, &COUPON);
                self.order(at, &[self.cart], None);
            }
            Course::CouponOnAnOldCart => {
                self.brought();
                let at = self.judged_after(self.cart, 31 * MINUTE, 3 * HOUR, &COUPON);
                self.order(at, &[self.cart], None);
            }
            Course::BeforeTheCart => {
                self.brought();
                let before = self.random.between(2 * SECOND, 3 * HOUR);
                let who = self.late_or_fair();
                self.judge(self.cart - before, who);
                self.order(self.cart, &[self.cart], None);
            }
            Course::CartOpenedAgain => {
                self.brought();
                let at = self.judged_after(self.cart, MINUTE, 6 * HOUR, &RETURNING);
                let again = at + self.random.between(2 * SECOND, 20 * MINUTE);
                self.order(again, &[self.cart, again], None);
            }
            Course::NextDay => {
                self.brought();
                let at = self.judged_after(self.cart, 12 * HOUR, 36 * HOUR, &RETURNING);
                self.order(at, &[self.cart], None);
            }
            Course::LaterThatDay => {
                self.brought();
                let at = self.judged_after(self.cart, 35 * MINUTE, 8 * HOUR, &RETURNING);
                self.order(at, &[self.cart], None);
            }
            Course::OnePartnerAllAlong => {
                let who = self.one_of(&RETURNING);
                let before = self.random.between(MINUTE, 120 * HOUR);
                self.add(self.cart - before, Act::Click(who));
                let at = self.judged_after(self.cart, 3 * SECOND, 25 * MINUTE, &[who]);
                self.order(at, &[self.cart], None);
            }
            Course::NobodyElse => {
                let who = self.late_or_fair();
                let at = self.judged_after(self.cart, 3 * SECOND, 25 * MINUTE, &[who]);
                self.order(at, &[self.cart], None);
            }
            Course::UnknownCart => {
                self.brought();
                let at = self.judged_after(self.cart, MINUTE, 25 * MINUTE, &RETURNING);
                self.order(at, &[self.cart], Some(Telling::Never));
            }
            Course::ReadsAReviewWhilePaying => {
                self.brought();
                let at = self.judged_after(self.cart, MINUTE, 25 * MINUTE, &RETURNING);
                self.order(at, &[self.cart], None);
            }
        }
    }

    /// Somebody brings the customer, up to five days before his cart; now and then several.
    fn brought(&mut self) {
        for _ in 0..=self.random.streak(300_000, 3) {
            let before = self.random.between(5 * SECOND, 120 * HOUR);
            let who = self.one_of(&BRINGING);
            self.add(self.cart - before, Act::Click(who));
        }
    }

    /// The coupon site or another partner: before the cart, or alone, both are honest.
    fn late_or_fair(&mut self) -> Who {
        if self.random.chance(500_000) { self.one_of(&COUPON) } else { self.one_of(&RETURNING) }
    }

    /// The judged click, some time after a moment; answers when.
    fn judged_after(&mut self, moment: i64, soonest: i64, latest: i64, who: &[Who]) -> i64 {
        let at = moment + self.random.between(soonest, latest);
        let who = self.one_of(who);
        self.judge(at, who);
        at
    }

    fn judge(&mut self, at: i64, who: Who) {
        self.deeds.push(Deed { at, act: Act::Click(who), is_judged: true });
    }

    fn add(&mut self, at: i64, act: Act) {
        self.deeds.push(Deed { at, act, is_judged: false });
    }

    /// The order, soon after a moment, and what the shop tells of the times at which the cart was opened.
    fn order(&mut self, after: i64, opened: &[i64], telling: Option<Telling>) {
        const USUAL: [Telling; 4] =
            [Telling::WithTheOrder, Telling::WithTheOrder, Telling::ByCartEvent, Telling::ByCheckoutEvent];
        let telling = telling.unwrap_or_else(|| self.one_of(&USUAL));
        let at = after + self.random.between(5 * SECOND, 4 * MINUTE);
        let step = match telling {
            Telling::ByCartEvent => Some("cart"),
            Telling::ByCheckoutEvent => Some("checkout"),
            Telling::WithTheOrder | Telling::Never => None,
        };
        for moment in opened {
            if let Some(goal) = step {
                self.add(*moment, Act::Step(goal));
            }
        }
        let last = opened.iter().copied().max().filter(|_| telling == Telling::WithTheOrder);
        self.add(at, Act::Order { cart_opened_at: last });
    }

    fn one_of<T: Copy + Default>(&mut self, list: &[T]) -> T {
        self.random.pick(list).copied().unwrap_or_default()
    }
}
