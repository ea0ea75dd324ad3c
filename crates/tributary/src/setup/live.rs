//! The set-up in force: a snapshot that readers take without locks, swapped when the stored set-up changes.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use thiserror::Error;
use tributary_domain::configuration::Configuration;
use tributary_domain::identity::{IdentityRules, KnownIdentifiers, placeholders};
use tributary_domain::ids::{BrandKey, EventId, SubjectHash, fingerprint};
use tributary_domain::time::Timestamp;
use tributary_store::keys::{KeyError, Keyring, SealFor, SubjectKind};
use tributary_store::state::{self, ConfigurationStore, StateError};

use super::{SetupError, StoredEntity, configuration};

/// Why the stored set-up cannot be used.
#[derive(Debug, Error)]
pub enum LiveError {
    /// The store failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// A stored entity cannot be opened with this installation's keys.
    #[error("a stored entity cannot be opened: {0}")]
    Key(#[from] KeyError),
    /// The stored entities do not fit together.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A stored entity is not text.
    #[error("a stored entity is not text")]
    NotText,
}

/// The set-up in force, shared by every part of the process.
pub struct LiveConfiguration {
    store: Arc<dyn ConfigurationStore>,
    keyring: Arc<Keyring>,
    current: ArcSwap<Configuration>,
    reloading: Mutex<()>,
}

impl LiveConfiguration {
    /// Loads the stored set-up.
    ///
    /// # Errors
    /// When it cannot be read or opened.
    pub fn load(store: Arc<dyn ConfigurationStore>, keyring: Arc<Keyring>) -> Result<Self, LiveError> {
        let loaded = read(store.as_ref(), &keyring)?;
        Ok(Self { store, keyring, current: ArcSwap::from_pointee(loaded), reloading: Mutex::new(()) })
    }

    /// The set-up in force now. Cheap; hold it for one request or one engine step.
    #[must_use]
    pub fn current(&self) -> Arc<Configuration> {
        self.current.load_full()
    }

    /// Loads the set-up again.
    ///
    /// # Errors
    /// When it cannot be read; the former one stays in force.
    pub fn reload(&self) -> Result<(), LiveError> {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        self.current.store(Arc::new(read(self.store.as_ref(), &self.keyring)?));
        Ok(())
    }

    /// Loads the set-up again if its revision moved, and says whether it did.
    ///
    /// # Errors
    /// As [`LiveConfiguration::reload`].
    pub fn reload_if_changed(&self) -> Result<bool, LiveError> {
        let changed = self.store.configuration_revision()? != self.current.load().revision;
        if changed {
            self.reload()?;
        }
        Ok(changed)
    }
}

fn read(store: &dyn ConfigurationStore, keyring: &Keyring) -> Result<Configuration, LiveError> {
    let (revision, stored) = store.load_configuration()?;
    Ok(built(&opened(&stored, keyring)?, revision, keyring)?)
}

/// The set-up of opened entities, with the identifiers that it names hashed as facts hold them.
///
/// # Errors
/// When the entities do not fit together.
pub fn built(rows: &[StoredEntity], revision: u64, keyring: &Keyring) -> Result<Configuration, SetupError> {
    let mut configuration = configuration(rows, revision)?;
    configuration.known_identifiers = configuration
        .brands
        .iter()
        .map(|(key, versions)| (key.clone(), known_identifiers(key, &versions.latest().identity, keyring)))
        .collect();
    Ok(configuration)
}

fn known_identifiers(brand: &BrandKey, rules: &IdentityRules, keyring: &Keyring) -> KnownIdentifiers {
    let of_every_kind = |texts: &[String]| -> HashSet<SubjectHash> {
        let kinds = [SubjectKind::Customer, SubjectKind::Visitor, SubjectKind::Email];
        let hashes = |text: &String| kinds.map(|kind| keyring.subject_hash(brand, kind, text));
        texts.iter().flat_map(hashes).collect()
    };
    let customer = |id: &String| keyring.subject_hash(brand, SubjectKind::Customer, id);
    KnownIdentifiers {
        placeholders: of_every_kind(&placeholders()),
        ignored: of_every_kind(&rules.ignored_identifiers),
        ignored_clicks: rules.ignored_identifiers.iter().cloned().collect(),
        test_customers: rules.test_customers.iter().map(customer).collect(),
    }
}

/// Opens stored entities.
///
/// # Errors
/// When one was sealed with other keys.
pub fn opened(stored: &[state::StoredEntity], keyring: &Keyring) -> Result<Vec<StoredEntity>, LiveError> {
    stored
        .iter()
        .map(|entity| {
            let name = name_of(&entity.kind, &entity.brand, &entity.key);
            let plain = keyring.unseal(name, &entity.body)?;
            Ok(StoredEntity {
                kind: entity.kind.clone(),
                brand: entity.brand.clone(),
                key: entity.key.clone(),
                effective_from: entity.effective_from,
                body: String::from_utf8(plain).map_err(|_| LiveError::NotText)?,
            })
        })
        .collect()
}

/// Seals entities for storing: sources hold secrets, and one rule for all is simpler than two.
///
/// # Errors
/// When no key can be had.
pub fn sealed(
    entities: &[StoredEntity],
    keyring: &Keyring,
    applied_at: Timestamp,
) -> Result<Vec<state::StoredEntity>, LiveError> {
    entities
        .iter()
        .map(|entity| {
            let name = name_of(&entity.kind, &entity.brand, &entity.key);
            Ok(state::StoredEntity {
                kind: entity.kind.clone(),
                brand: entity.brand.clone(),
                key: entity.key.clone(),
                effective_from: entity.effective_from,
                body: keyring.seal(SealFor::SetUp, name, entity.body.as_bytes())?,
                applied_at,
            })
        })
        .collect()
}

/// The name that a sealed entity is bound to, so that its body cannot be moved to another entity.
fn name_of(kind: &str, brand: &str, key: &str) -> EventId {
    EventId(fingerprint(&[b"entity", kind.as_bytes(), brand.as_bytes(), key.as_bytes()]))
}
