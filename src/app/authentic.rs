//! The authentic source of persons beside the register: its own tables, or elsewhere. Routing follows what it replaces.
use std::path::Path;
use std::sync::Arc;

use estafette_actors::ports::Clock;
use estafette_actors::ports::register::Persons;
use estafette_actors::registry::Registry;

use super::Error;
use crate::source::{self, HttpPersons};
use crate::store::register::persons::Hearers;
use crate::store::register::{self, Dossiers, Mutations};

/// Opens it; none when there is no register. Routing knows every number that was replaced before when this returns.
pub fn open(
    register: Option<(&Arc<Dossiers>, &Arc<Mutations>)>,
    elsewhere: Option<source::Settings>,
    registry: &Registry,
    (folder, clock): (&Path, &Arc<dyn Clock>),
) -> Result<Option<Arc<dyn Persons>>, Error> {
    let Some((dossiers, mutations)) = register else { return Ok(None) };
    if let Some(settings) = elsewhere {
        return Ok(Some(Arc::new(HttpPersons::new(settings, Arc::clone(clock))?)));
    }
    let following = registry.clone();
    let hearers =
        Hearers { teller: Some(mutations.teller()), follower: Some(Arc::new(move |pairs| following.replace(pairs))) };
    let persons = register::Persons::open(dossiers, Arc::clone(clock), folder, hearers)?;
    persons.replaced(|old, by| registry.replace(&[(old, Some(by))]))?;
    Ok(Some(Arc::new(persons)))
}
