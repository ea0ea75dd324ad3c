//! Named texts: what queries, forms, JSON objects and table rows have in common.

use tributary_domain::reason::Reason;

use super::refusal::{Refusal, shortened};

/// Most fields of one event.
pub const MOST_FIELDS: usize = 200;
/// Longest name in bytes.
pub const LONGEST_NAME: usize = 100;
/// Longest value in bytes.
pub const LONGEST_VALUE: usize = 4096;

/// How a value was written; a number keeps its source text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// A text.
    Text,
    /// A JSON number: its decimal mark is a point whatever the source's setting.
    Number,
    /// A JSON boolean: `true` or `false`.
    Boolean,
}

/// One named value as sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Field {
    /// The name as the sender wrote it; a member of a nested object is `outer.inner`.
    pub name: String,
    /// The value's text.
    pub value: String,
    /// How it was written.
    pub form: Form,
}

/// The fields of one event in the order sent. Values may be personal: `Debug` shows names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<Field>);

impl Fields {
    /// No fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text.
    ///
    /// # Errors
    /// [`Reason::InvalidField`] for a name or value that is too long, [`Reason::TooLarge`] for too many fields.
    pub fn push(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        self.push_as(name, value, Form::Text)
    }

    pub(crate) fn push_as(&mut self, name: &str, value: &str, form: Form) -> Result<(), Refusal> {
        if self.0.len() >= MOST_FIELDS {
            return Err(Refusal::of_whole(
                Reason::TooLarge,
                format!("an event has at most {MOST_FIELDS} fields"),
            ));
        }
        if name.len() > LONGEST_NAME {
            return Err(Refusal::invalid(name, format!("a name has at most {LONGEST_NAME} bytes")));
        }
        if value.len() > LONGEST_VALUE {
            return Err(Refusal::invalid(name, format!("a value has at most {LONGEST_VALUE} bytes")));
        }
        self.0.push(Field { name: name.to_owned(), value: value.to_owned(), form });
        Ok(())
    }

    /// Fields that the program itself makes, within all bounds.
    pub(crate) fn of_known(fields: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let field = |(name, value): (&str, String)| Field { name: name.to_owned(), value, form: Form::Text };
        Self(fields.into_iter().map(field).collect())
    }

    /// Adds all fields of another set, such as a form's after its query string's.
    ///
    /// # Errors
    /// [`Reason::TooLarge`] for too many fields.
    pub fn append(&mut self, other: &Self) -> Result<(), Refusal> {
        other.iter().try_for_each(|field| self.push_as(&field.name, &field.value, field.form))
    }

    /// The first value with that name as sent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|field| field.name == name).map(|field| field.value.as_str())
    }

    /// All fields in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = &Field> {
        self.0.iter()
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields as one line of canonical JSON; what [`super::fields_from_json`] reads back.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(32 * self.0.len() + 2);
        json.push('{');
        for (place, field) in self.0.iter().enumerate() {
            if place > 0 {
                json.push(',');
            }
            json.push_str(&serde_json::Value::from(field.name.as_str()).to_string());
            json.push(':');
            match field.form {
                Form::Text => json.push_str(&serde_json::Value::from(field.value.as_str()).to_string()),
                Form::Number | Form::Boolean => json.push_str(&field.value),
            }
        }
        json.push('}');
        json
    }
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|field| shortened(&field.name))).finish()
    }
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}=..", shortened(&self.name))
    }
}
