//! Trained weights of a data-driven model: how much each partner and channel weighs, and how that was found.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tributary_domain::attribution::Earner;
use tributary_domain::attribution::models::TrainedWeights;
use tributary_domain::ids::{Channel, IdError, PartnerKey};

use super::{Fields, Place, Problem};
use crate::engine::rollup::label;

pub(super) const FIELDS: &[&str] = &["trained", "of_earner"];

pub(super) fn read(fields: &Fields<'_>) -> Result<TrainedWeights, Problem> {
    let trained = fields.text("trained")?.ok_or_else(|| fields.missing("trained"))?.to_owned();
    let Some((value, place)) = fields.value("of_earner") else { return Err(fields.missing("of_earner")) };
    let Some(entries) = value.as_object() else {
        return Err(
            place.problem("expected a weight per partner or @channel", "write `anna: 123`, one per line")
        );
    };
    let mut of_earner = BTreeMap::new();
    for (name, value) in entries {
        let place = place.field(name);
        let earner = earner(name).map_err(|error| place.problem(error.to_string(), ""))?;
        of_earner.insert(earner, weight(value, &place)?);
    }
    if of_earner.values().all(|weight| *weight == 0) {
        return Err(
            place.problem("nobody weighs anything", "give at least one partner or channel a weight above 0")
        );
    }
    Ok(TrainedWeights { trained, of_earner })
}

pub(super) fn write(weights: &TrainedWeights) -> Value {
    let of_earner: Map<String, Value> =
        weights.of_earner.iter().map(|(earner, weight)| (label(earner), json!(weight))).collect();
    json!({"trained": weights.trained, "of_earner": of_earner})
}

/// What [`label`] writes: a partner's key, or `@channel`.
fn earner(name: &str) -> Result<Earner, IdError> {
    match name.strip_prefix('@') {
        Some(channel) => Channel::parse(channel).map(Earner::Channel),
        None => PartnerKey::parse(name).map(Earner::Partner),
    }
}

fn weight(value: &Value, place: &Place) -> Result<u32, Problem> {
    let weight = value.as_u64().and_then(|weight| u32::try_from(weight).ok());
    weight.filter(|weight| *weight <= TrainedWeights::LARGEST).ok_or_else(|| {
        let remedy =
            format!("write a whole number from 0 to {}; only the ratios count", TrainedWeights::LARGEST);
        place.problem(format!("`{value}` is not a weight"), remedy)
    })
}

#[cfg(test)]
mod tests {
    use tributary_domain::ids::{BrandKey, WeightsKey};
    use tributary_domain::time::Timestamp;

    use super::*;
    use crate::setup::{Change, Document, SetupError, SetupFile, configuration, entities, plan};

    const NOW: Timestamp = Timestamp(1_780_000_000_000_000);
    const BASE: &str = "brands: [{key: acme, currency: EUR}]\npartners: [{key: anna, kind: creator}]\n";

    fn document(text: &str) -> Result<Document, SetupError> {
        let text = format!("{BASE}{text}");
        Document::read(&[SetupFile { name: "setup.yaml".to_owned(), text }], &[], &|_| None)
    }

    #[test]
    fn weights_come_into_the_configuration_and_are_versioned() {
        let first = document("weights: [{key: spring, trained: by hand, of_earner: {anna: 3, '@email': 1}}]")
            .unwrap();
        let rows = plan(&[], &first, NOW).unwrap().rows;
        assert_eq!(rows, entities(&first));
        let key = (BrandKey::parse("acme").unwrap(), WeightsKey::parse("spring").unwrap());
        let built = configuration(&rows, 1).unwrap();
        let weights = built.weights[&key].at(NOW);
        let of = |name: &str| weights.of_earner.get(&earner(name).unwrap()).copied();
        assert_eq!((of("anna"), of("@email"), of("email")), (Some(3), Some(1), None));

        assert!(plan(&rows, &first, NOW).unwrap().is_empty(), "applying again changes nothing");
        let other = document("weights: [{key: spring, trained: by hand, of_earner: {anna: 4, '@email': 1}}]")
            .unwrap();
        let set = plan(&rows, &other, NOW).unwrap();
        let Change::Changed(fields) = &set.changes[1].change else { panic!("{set}") };
        assert_eq!((fields[0].field.as_str(), fields[0].after.as_str()), ("of_earner.anna", "4"));
        assert_eq!(
            set.resettle_from(),
            Some(NOW),
            "whoever is paid by them is paid by the new ones from now on"
        );
        let renamed =
            document("weights: [{key: spring, trained: anew, of_earner: {anna: 3, '@email': 1}}]").unwrap();
        assert_eq!(
            plan(&rows, &renamed, NOW).unwrap().resettle_from(),
            None,
            "how they were found pays nobody"
        );
    }

    #[test]
    fn what_is_no_weight_is_refused_with_its_place() {
        for (text, says) in [
            ("weights: [{key: a, of_earner: {anna: 1}}]", "`trained` is missing"),
            ("weights: [{key: a, trained: x}]", "`of_earner` is missing"),
            ("weights: [{key: a, trained: x, of_earner: {anna: 0}}]", "nobody weighs anything"),
            (
                "weights: [{key: a, trained: x, of_earner: {anna: -1}}]",
                "of_earner.anna: `-1` is not a weight",
            ),
            ("weights: [{key: a, trained: x, of_earner: {anna: 0.5}}]", "`0.5` is not a weight"),
            ("weights: [{key: a, trained: x, of_earner: {anna: 1000000001}}]", "from 0 to 1000000000"),
            (
                "weights: [{key: a, trained: x, of_earner: {ana: 1}}]",
                "there is no partner `ana`; the nearest is `anna`",
            ),
            ("weights: [{key: a, trained: x, of_earner: {'@': 1}}]", "channel"),
            (
                "weights: [{key: spring, trained: x, of_earner: {anna: 1}}]\n\
                 campaigns: [{key: c, tier: awareness, destination: 'https://acme.example/', \
                 model: {kind: data_driven, weights: sprung}}]",
                "there is no weights `sprung`; the nearest is `spring`",
            ),
        ] {
            let problems = match document(text) {
                Err(error) => error.to_string(),
                Ok(document) => plan(&[], &document, NOW).unwrap_err().to_string(),
            };
            assert!(problems.contains(says), "{text}: {problems}");
        }
    }
}
