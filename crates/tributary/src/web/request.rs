//! What readers may ask, and what is answered when they ask wrongly or when nothing can be read.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tributary_domain::reason::Reason;

use super::layout;
use super::overview::ReadError;
use crate::edge::outcome::Outcome;
use crate::nearest::nearest;

/// Why a request is not answered.
#[derive(Debug)]
pub enum Refused {
    /// A parameter cannot be accepted.
    Parameter {
        /// Its name.
        name: String,
        /// What is wrong with it.
        message: String,
    },
    /// Nothing can be read at the moment.
    Unreadable(ReadError),
}

impl From<ReadError> for Refused {
    fn from(error: ReadError) -> Self {
        Self::Unreadable(error)
    }
}

impl Refused {
    /// A parameter with a value that cannot be accepted.
    pub fn parameter(name: &str, message: impl ToString) -> Self {
        Self::Parameter { name: name.to_owned(), message: message.to_string() }
    }

    /// The answer as JSON, in the shape of every outcome.
    pub(super) fn json(self) -> Response {
        match self {
            Self::Parameter { name, message } => Outcome {
                message: Some(format!("`{name}`: {message}")),
                field: Some(name),
                ..Outcome::rejected(Reason::InvalidField)
            },
            Self::Unreadable(error) => {
                log(&error);
                Outcome {
                    message: Some(
                        "the store or the log cannot be read at the moment; nothing was changed".to_owned(),
                    ),
                    hint: Some("Ask again; `/readyz` says which of them is missing.".to_owned()),
                    ..Outcome::rejected(Reason::StorageUnavailable)
                }
            }
        }
        .into_response()
    }

    /// The answer as a page.
    pub(super) fn page(self) -> Response {
        match self {
            Self::Parameter { name, message } => {
                let page = layout::message(
                    "This cannot be shown",
                    &format!("`{name}`: {message}"),
                    "Correct the address, or start from the first page.",
                );
                (StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
            }
            Self::Unreadable(error) => {
                log(&error);
                let page = layout::message(
                    "The figures cannot be read",
                    "The store or the log does not answer at the moment. Nothing was changed, and events are still taken in as long as the log is there.",
                    "Load the page again; /readyz says which of them is missing, and the server's log says why.",
                );
                (StatusCode::SERVICE_UNAVAILABLE, page).into_response()
            }
        }
    }
}

fn log(error: &ReadError) {
    tracing::error!(%error, "a page could not be read");
}

/// Parameters that say for whose eyes an answer is.
const RESTRICTING: [&str; 1] = ["partner"];

/// The parameters of a query.
#[derive(Debug, Default)]
pub(super) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads a query that may hold `known` names, each once. An empty value counts as not given, save of [`RESTRICTING`] names: who forgot
    /// to fill one in would be shown more than he asked for.
    pub(super) fn read(query: Option<&str>, known: &[&'static str]) -> Result<Self, Refused> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                let meant = nearest(&name, known.iter().copied());
                let meant = meant.map_or_else(String::new, |name| format!("; the nearest is `{name}`"));
                return Err(Refused::parameter(&name, format!("there is no such parameter{meant}")));
            }
            if parameters.insert(name.to_string(), value.trim().to_owned()).is_some() {
                return Err(Refused::parameter(&name, "it is given twice"));
            }
        }
        if let Some(name) =
            RESTRICTING.into_iter().find(|name| parameters.get(*name).is_some_and(String::is_empty))
        {
            return Err(Refused::parameter(name, "it is empty; name one, or leave the parameter out"));
        }
        parameters.retain(|_, value| !value.is_empty());
        Ok(Self(parameters))
    }

    /// A parameter as text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A parameter read by a parser whose error says what is wrong.
    pub(super) fn parsed<T, E: ToString>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Refused> {
        self.text(name).map(|text| parse(text).map_err(|error| Refused::parameter(name, error))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_parameter_is_refused_with_the_nearest_name() {
        let refused = Parameters::read(Some("transactoin=1"), &["transaction", "brand"]).unwrap_err();
        assert!(format!("{refused:?}").contains("`transaction`"));
        assert!(Parameters::read(Some("brand=a&brand=b"), &["brand"]).is_err());
    }

    #[test]
    fn an_empty_partner_is_refused_instead_of_shown_everything() {
        for query in ["id=T1&partner=", "partner=%20", "partner=+", "partner", "partner=%C2%A0&id=T1"] {
            let refused = Parameters::read(Some(query), &["id", "partner"]).unwrap_err();
            assert!(matches!(&refused, Refused::Parameter { name, .. } if name == "partner"), "{refused:?}");
        }
    }

    #[test]
    fn an_empty_parameter_is_not_given() {
        let parameters =
            Parameters::read(Some("brand=&transaction=a%20b"), &["transaction", "brand"]).unwrap();
        assert_eq!((parameters.text("brand"), parameters.text("transaction")), (None, Some("a b")));
    }
}
