//! What several commands choose or read in the same way: the brand, the source, the column map.

use std::path::Path;

use tributary_adapters::import::ColumnMap;
use tributary_domain::configuration::{Configuration, Source};
use tributary_domain::ids::BrandKey;
use tributary_domain::time::Timestamp;

use super::Failure;
use crate::edge::intake::source;
use crate::nearest::unknown;

/// The brand that was named, else the only one there is.
///
/// # Errors
/// When the named one does not exist, or none was named and there is not exactly one.
pub(super) fn brand(configuration: &Configuration, named: Option<&BrandKey>) -> Result<BrandKey, Failure> {
    let mut brands = configuration.brands.keys();
    match (named, brands.next(), brands.next()) {
        (Some(named), _, _) if configuration.brands.contains_key(named) => Ok(named.clone()),
        (Some(named), _, _) => Err(Failure::usage(format!("there is no brand `{named}`"))),
        (None, Some(only), None) => Ok(only.clone()),
        (None, None, _) => Err(Failure::new("no brand is set up").hint("create one with `tributary apply`")),
        (None, Some(_), Some(_)) => {
            Err(Failure::usage("there are several brands").hint("name one with --brand"))
        }
    }
}

/// The source of that key, as it is now.
///
/// # Errors
/// When there is none.
pub(super) fn source_of<'c>(
    configuration: &'c Configuration,
    key: &str,
    now: Timestamp,
) -> Result<&'c Source, Failure> {
    let found = source(configuration, key, now).map(|(_, source)| source);
    found.map_err(|_| no_source(key))
}

/// The failure of a command that was given a source that does not exist.
pub(super) fn no_source(key: &str) -> Failure {
    Failure::new(format!("there is no source `{key}`")).hint("create it with `tributary apply`")
}

/// A column map and its text; without a file, the map under which columns are named like fields.
///
/// # Errors
/// When the file cannot be read or is no map.
pub(super) fn column_map(path: Option<&Path>) -> Result<(ColumnMap, String), Failure> {
    let Some(path) = path else { return Ok((ColumnMap::default(), String::new())) };
    let text = text_of(path)?;
    let map =
        ColumnMap::parse(&text).map_err(|refusal| Failure::new(format!("{}: {refusal}", path.display())))?;
    Ok((map, text))
}

/// Refuses the key of something that is not there, with the nearest one that is.
///
/// # Errors
/// Then.
pub(super) fn must_be_known<'k>(
    flag: &str,
    what: &str,
    key: &str,
    known: impl Iterator<Item = &'k str> + Clone,
) -> Result<(), Failure> {
    if known.clone().any(|each| each == key) {
        return Ok(());
    }
    Err(Failure::usage(format!("{flag}: {}", unknown(what, key, known))))
}

/// The text of a file that the user named.
///
/// # Errors
/// When it cannot be read.
pub(super) fn text_of(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use tributary_domain::channels::ChannelRules;
    use tributary_domain::configuration::{Brand, StandDown, Tiers, Versions};
    use tributary_domain::money::Currency;
    use tributary_domain::ownership::CustomerOwnership;

    use super::*;

    fn configuration(brands: &[&str]) -> Configuration {
        let mut configuration = Configuration::default();
        for key in brands {
            let brand = Brand {
                name: (*key).to_owned(),
                currency: Currency::parse("EUR").unwrap(),
                fallback_url: None,
                most_customers_per_identifier: 5,
                customer_ownership: CustomerOwnership::Nobody,
                tiers: Tiers::default(),
                stand_down: StandDown::Off,
                channels: ChannelRules::default(),
                identity: tributary_domain::identity::IdentityRules::default(),
            };
            configuration.brands.insert(BrandKey::parse(key).unwrap(), Versions::always(brand));
        }
        configuration
    }

    #[test]
    fn only_a_brand_that_is_meant_for_sure_is_chosen() {
        let key = |text| BrandKey::parse(text).unwrap();
        assert_eq!(brand(&configuration(&["a"]), None).unwrap(), key("a"));
        assert_eq!(brand(&configuration(&["a", "b"]), Some(&key("b"))).unwrap(), key("b"));
        for (brands, named, says) in [
            (&[][..], None, "no brand is set up"),
            (&["a", "b"][..], None, "several brands"),
            (&["a"][..], Some(key("c")), "no brand `c`"),
        ] {
            let failure = brand(&configuration(brands), named.as_ref()).unwrap_err().to_string();
            assert!(failure.contains(says), "{failure}");
        }
    }
}
