//! The stored form of a set-up, and the configuration that the running server is built from.

use serde_json::Value;
use tributary_domain::configuration::{Configuration, Versions};
use tributary_domain::ids::{
    BrandKey, CampaignKey, IdError, LinkKey, PartnerKey, PlanKey, SourceKey, WeightsKey,
};
use tributary_domain::time::Timestamp;

use super::document::Document;
use super::kinds::{self, Body, Context, Kind};
use super::problem::{Place, Problem, SetupError};
use super::versions::History;

/// One version of one entity as a row. Rows are unique by everything but the body.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredEntity {
    /// `brand`, `plan`, `weights`, `campaign`, `partner`, `link` or `source`.
    pub kind: String,
    /// The tenant; a brand's own key for a brand.
    pub brand: String,
    /// The entity's key.
    pub key: String,
    /// When this version comes into force; `Timestamp(i64::MIN)` is always.
    pub effective_from: Timestamp,
    /// Canonical JSON of the content. Secrets are in it: the store seals it, nobody prints it.
    pub body: String,
}

impl std::fmt::Debug for StoredEntity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/{} from {:?}", self.kind, self.brand, self.key, self.effective_from)
    }
}

/// The rows of a document that is applied to an empty store: what has no `effective_from` is in force always.
#[must_use]
pub fn entities(document: &Document) -> Vec<StoredEntity> {
    document
        .entities
        .iter()
        .map(|entity| {
            let effective_from = entity.effective_from.unwrap_or(Timestamp(i64::MIN));
            row(entity.brand.as_str(), &entity.key, effective_from, &entity.body)
        })
        .collect()
}

/// Builds the configuration from stored rows.
///
/// # Errors
/// When a row cannot be read, for instance because a newer release wrote it.
pub fn configuration(rows: &[StoredEntity], revision: u64) -> Result<Configuration, SetupError> {
    build(&History::of(rows)?, revision)
}

pub(super) fn row(brand: &str, key: &str, effective_from: Timestamp, body: &Body) -> StoredEntity {
    StoredEntity {
        kind: body.kind().name().to_owned(),
        brand: brand.to_owned(),
        key: key.to_owned(),
        effective_from,
        body: body.canonical().to_string(),
    }
}

/// Where a stored row stands, for error messages.
pub(super) fn stored_place(kind: Kind, brand: &str, key: &str) -> Place {
    Place::file("stored set-up").field(&format!("{} {brand}/{key}", kind.name()))
}

pub(super) fn read_row(row: &StoredEntity) -> Result<(BrandKey, Body), Problem> {
    let remedy = "it was written by another release; use that release, or `tributary migrate`";
    let Some(kind) = Kind::from_name(&row.kind) else {
        return Err(Place::file("stored set-up").problem(format!("unknown kind `{}`", row.kind), remedy));
    };
    let place = stored_place(kind, &row.brand, &row.key);
    let brand = BrandKey::parse(&row.brand).map_err(|error| place.problem(error.to_string(), remedy))?;
    let value: Value = serde_json::from_str(&row.body).map_err(|_| place.problem("not JSON", remedy))?;
    let fields = kinds::open(kind, &value, place)?;
    // What is stored is resolved already: a secret that begins with `env:` is meant literally.
    let environment = |name: &str| Some(format!("env:{name}"));
    let context = Context { brand: brand.clone(), key: &row.key, environment: &environment };
    Ok((brand, kinds::read(kind, &fields, &context)?))
}

/// Puts every version in its place and fills the look-ups.
pub(super) fn build(history: &History, revision: u64) -> Result<Configuration, SetupError> {
    let mut configuration = Configuration { revision, ..Configuration::default() };
    for ((kind, brand, key), versions) in history.iter() {
        let wrong = |error: IdError| {
            SetupError::from(stored_place(*kind, brand.as_str(), key).problem(error.to_string(), ""))
        };
        for (from, body) in versions {
            let brand = brand.clone();
            match body {
                Body::Brand(value) => add(&mut configuration.brands, brand, *from, value),
                Body::Plan(value) => {
                    add(&mut configuration.plans, (brand, PlanKey::parse(key).map_err(wrong)?), *from, value);
                }
                Body::Weights(value) => {
                    add(
                        &mut configuration.weights,
                        (brand, WeightsKey::parse(key).map_err(wrong)?),
                        *from,
                        value,
                    );
                }
                Body::Campaign(value) => {
                    add(
                        &mut configuration.campaigns,
                        (brand, CampaignKey::parse(key).map_err(wrong)?),
                        *from,
                        value,
                    );
                }
                Body::Partner(value) => {
                    add(
                        &mut configuration.partners,
                        (brand, PartnerKey::parse(key).map_err(wrong)?),
                        *from,
                        value,
                    );
                }
                Body::Link(value) => {
                    add(&mut configuration.links, LinkKey::parse(key).map_err(wrong)?, *from, value);
                }
                Body::Source(value) => {
                    add(&mut configuration.sources, SourceKey::parse(key).map_err(wrong)?, *from, value);
                }
            }
        }
    }
    configuration.index();
    Ok(configuration)
}

/// Adds one version. The first of an entity also judges what happened before it, so it may begin always.
fn add<K: std::hash::Hash + Eq, V: Clone>(
    map: &mut std::collections::HashMap<K, Versions<V>>,
    key: K,
    from: Timestamp,
    value: &V,
) {
    map.entry(key)
        .and_modify(|versions| versions.add(from, value.clone()))
        .or_insert_with(|| Versions::always(value.clone()));
}
