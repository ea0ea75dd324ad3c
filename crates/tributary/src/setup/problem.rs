//! What is wrong with a set-up: where, what, and what to do.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// Where something stands: a file and the path inside it, such as `campaigns[2].windows.click`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    file: Arc<str>,
    path: String,
}

impl Place {
    /// The top of a file.
    #[must_use]
    pub fn file(name: &str) -> Self {
        Self { file: Arc::from(name), path: String::new() }
    }

    /// A field inside this place.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { file: Arc::clone(&self.file), path }
    }

    /// An element of the list at this place.
    #[must_use]
    pub fn element(&self, index: usize) -> Self {
        Self { file: Arc::clone(&self.file), path: format!("{}[{index}]", self.path) }
    }

    /// A problem at this place.
    #[must_use]
    pub fn problem(&self, message: impl Into<String>, remedy: impl Into<String>) -> Problem {
        Problem { place: self.clone(), message: message.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.file),
            path => write!(f, "{}: {path}", self.file),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "\n  remedy: {}", self.remedy) }
    }
}

/// Why a set-up cannot be used: every problem that was found, in the order of the files.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub struct SetupError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl From<Problem> for SetupError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}
