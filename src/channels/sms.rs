//! The SMS channel: one provider of several, named by `provider` in `[channels.sms]`.
//!
//! A new provider is a file and a line in [`PROVIDERS`]; its settings are the rest of the table.
use std::sync::Arc;

use estafette_actors::ports::Transport;

use super::settings::Table;
use super::{Build, Error};

pub mod ringring;

const NAME: &str = "sms";

/// Every provider of SMS that this build knows; the first is used when the table names none.
pub const PROVIDERS: &[(&str, Build)] = &[(ringring::PROVIDER, ringring::build)];

/// Makes the channel with the provider that its table names.
pub fn build(table: &Table) -> Result<Arc<dyn Transport>, Error> {
    let mut rest = table.clone();
    let wanted = rest.take("provider").unwrap_or_else(|| PROVIDERS[0].0.to_owned());
    if let Some((_, build)) = PROVIDERS.iter().find(|(name, _)| *name == wanted) {
        return build(&rest);
    }
    let known: Vec<_> = PROVIDERS.iter().map(|(name, _)| *name).collect();
    let message = format!("no such provider: use one of {}", known.join(", "));
    Err(Error::Setting { channel: NAME, key: "provider", message })
}
