//! Reading set-up files: YAML, TOML or JSON into entities that know where they stand.

use serde_json::Value;
use tributary_domain::ids::BrandKey;
use tributary_domain::time::Timestamp;

use super::fields::{Fields, text_of};
use super::kinds::{self, Body, Context, Kind};
use super::nesting::{DEEPEST, too_deep};
use super::problem::{Place, Problem, SetupError};

/// Looks up an environment variable for `env:NAME` secrets.
pub type EnvironmentReader<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A set-up file as it was read: its name decides the format (`.toml`, else YAML, of which JSON is a part).
#[derive(Clone, Debug)]
pub struct SetupFile {
    /// Its name, as errors shall call it.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// One entity, or one version of it, as a document states it.
#[derive(Clone, PartialEq, Debug)]
pub struct Entity {
    /// The tenant.
    pub brand: BrandKey,
    /// Its key in its brand.
    pub key: String,
    /// When this version comes into force; `None` leaves it to the moment of applying.
    pub effective_from: Option<Timestamp>,
    /// Its content.
    pub body: Body,
    /// Where it stands.
    pub place: Place,
}

/// Everything that one `apply` states; several files count as one document.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Document {
    /// In the order of [`Kind::ALL`] in each file.
    pub entities: Vec<Entity>,
}

impl Document {
    /// Reads the files. `stored_brands` are those applied before; the only brand there is may be left out of
    /// the entities.
    ///
    /// # Errors
    /// Every problem that can be seen without what is stored; see [`super::plan`] for the rest.
    pub fn read(
        files: &[SetupFile],
        stored_brands: &[BrandKey],
        environment: EnvironmentReader<'_>,
    ) -> Result<Self, SetupError> {
        let mut problems = Vec::new();
        let mut parsed = Vec::new();
        for file in files {
            match parse(file) {
                Ok(value) => parsed.push((Place::file(&file.name), value)),
                Err(problem) => problems.push(problem),
            }
        }
        let only_brand = only_brand(&parsed, stored_brands);
        let mut reader = Reader { only_brand, environment, problems, entities: Vec::new() };
        for (place, value) in &parsed {
            reader.read_file(place, value);
        }
        match reader.problems.is_empty() {
            true => Ok(Self { entities: reader.entities }),
            false => Err(SetupError { problems: reader.problems }),
        }
    }
}

struct Reader<'a> {
    only_brand: Option<BrandKey>,
    environment: EnvironmentReader<'a>,
    problems: Vec<Problem>,
    entities: Vec<Entity>,
}

impl Reader<'_> {
    fn read_file(&mut self, place: &Place, value: &Value) {
        let sections = Kind::ALL.map(Kind::section);
        let fields = match Fields::open(value, place.clone(), &[&sections]) {
            Ok(fields) => fields,
            Err(problem) => return self.problems.push(problem),
        };
        for kind in Kind::ALL {
            let elements = match fields.list(kind.section()) {
                Ok(elements) => elements,
                Err(problem) => {
                    self.problems.push(problem);
                    continue;
                }
            };
            for (element, place) in elements {
                match self.read_entity(kind, element, &place) {
                    Ok(entity) => self.entities.push(entity),
                    Err(problem) => self.problems.push(problem),
                }
            }
        }
    }

    fn read_entity(&self, kind: Kind, value: &Value, place: &Place) -> Result<Entity, Problem> {
        let fields = kinds::open(kind, value, place.clone())?;
        let key = fields.required("key", |text| kind.check_key(text))?;
        let stated = if kind == Kind::Brand { Some(key.as_str()) } else { fields.text("brand")? };
        let brand = match (stated, &self.only_brand) {
            (Some(text), _) => {
                BrandKey::parse(text).map_err(|error| place.field("brand").problem(error.to_string(), ""))?
            }
            (None, Some(brand)) => brand.clone(),
            (None, None) => {
                return Err(place.problem(
                    "`brand` is missing and there is not exactly one brand to mean",
                    "add `brand: KEY`, or state exactly one brand under `brands`",
                ));
            }
        };
        let context = Context { brand: brand.clone(), key: &key, environment: self.environment };
        let body = kinds::read(kind, &fields, &context)?;
        let effective_from = fields.parsed("effective_from", Timestamp::parse)?;
        Ok(Entity { brand, effective_from, body, place: place.clone(), key })
    }
}

/// The brand that entities without one belong to.
fn only_brand(files: &[(Place, Value)], stored: &[BrandKey]) -> Option<BrandKey> {
    let mut brands: Vec<BrandKey> = files
        .iter()
        .filter_map(|(_, value)| value.get(Kind::Brand.section())?.as_array())
        .flatten()
        .filter_map(|brand| BrandKey::parse(brand.get("key")?.as_str()?).ok())
        .collect();
    if brands.is_empty() {
        brands = stored.to_vec();
    }
    brands.sort();
    brands.dedup();
    if brands.len() == 1 { brands.pop() } else { None }
}

fn parse(file: &SetupFile) -> Result<Value, Problem> {
    let place = Place::file(&file.name);
    if let Some(line) = too_deep(&file.text) {
        let message = format!("line {line}: brackets are nested more than {DEEPEST} deep");
        return Err(place.problem(message, "close the brackets; a set-up needs a handful of levels"));
    }
    let syntax =
        |message: String| place.problem(message.trim_end().to_owned(), "correct the syntax at that place");
    if file.name.to_lowercase().ends_with(".toml") {
        let table: toml::Table =
            file.text.parse().map_err(|error: toml::de::Error| syntax(error.to_string()))?;
        return Ok(from_toml(toml::Value::Table(table)));
    }
    // Through the YAML value, because it refuses a key that stands twice; reading JSON values directly keeps the last.
    let yaml: serde_norway::Value =
        serde_norway::from_str(&file.text).map_err(|error| syntax(error.to_string()))?;
    if yaml.is_null() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    from_yaml(yaml, &place)
}

fn from_toml(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::from(number),
        toml::Value::Boolean(flag) => Value::Bool(flag),
        toml::Value::Datetime(moment) => Value::String(moment.to_string()),
        toml::Value::Array(elements) => elements.into_iter().map(from_toml).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, from_toml(value))).collect(),
    }
}

fn from_yaml(value: serde_norway::Value, place: &Place) -> Result<Value, Problem> {
    use serde_norway::Value as Yaml;
    Ok(match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => Value::Bool(flag),
        Yaml::String(text) => Value::String(text),
        Yaml::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), _, _) => Value::from(whole),
            (_, Some(whole), _) => Value::from(whole),
            (_, _, Some(real)) => Value::from(real),
            _ => Value::Null,
        },
        Yaml::Sequence(elements) => elements
            .into_iter()
            .enumerate()
            .map(|(index, element)| from_yaml(element, &place.element(index)))
            .collect::<Result<Vec<_>, _>>()?
            .into(),
        Yaml::Mapping(mapping) => {
            let mut map = serde_json::Map::new();
            for (key, value) in mapping {
                let key = from_yaml(key, place)?;
                let name = text_of(&key, place)?.to_owned();
                let value = from_yaml(value, &place.field(&name))?;
                map.insert(name, value);
            }
            Value::Object(map)
        }
        Yaml::Tagged(tagged) => {
            return Err(
                place.problem(format!("the tag `{}` means nothing here", tagged.tag), "remove the tag")
            );
        }
    })
}
