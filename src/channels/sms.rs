//! The SMS channel: one provider, named by `provider` in `[channels.sms]`, or several, a table each in `[[channels.sms.providers]]`.
//!
//! A new provider is a file and a line in [`PROVIDERS`]; its settings are the rest of the table.
use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use estafette_actors::ports::Transport;
use estafette_smpp::Address;

use super::settings::Table;
use super::{Build, Error};

pub mod ringring;
pub mod several;
pub mod smpp;

const NAME: &str = "sms";
/// Characters of an alphanumeric sender at most (3GPP TS 23.040, 9.1.2.5: eleven septet characters).
const SENDER_CHARACTERS: usize = 11;

/// Every provider of SMS that this build knows; the first is used when the table names none.
pub const PROVIDERS: &[(&str, Build)] = &[(ringring::PROVIDER, ringring::build), (smpp::PROVIDER, smpp::build)];

/// Makes the channel with the provider that its table names, or with several.
pub fn build(table: &Table) -> Result<Arc<dyn Transport>, Error> {
    let mut rest = table.clone();
    let terms = several::terms(&mut rest)?;
    if let Some(tables) = rest.take_value("providers") {
        if let Some(key) = rest.first_key() {
            let message = format!(
                "{key} belongs into one of the providers: here stand only providers, countries, linger_ms and step_ms"
            );
            return Err(Error::Setting { channel: NAME, key: "providers", message });
        }
        return Ok(Arc::new(several::build(tables, terms, one)?));
    }
    let alone = one(&rest)?;
    Ok(Arc::new(several::Several::alone(rest, alone, terms)))
}

fn one(table: &Table) -> Result<Arc<dyn Transport>, Error> {
    let mut rest = table.clone();
    let wanted = rest.take("provider").unwrap_or_else(|| PROVIDERS[0].0.to_owned());
    if let Some((_, build)) = PROVIDERS.iter().find(|(name, _)| *name == wanted) {
        return build(&rest);
    }
    let known: Vec<_> = PROVIDERS.iter().map(|(name, _)| *name).collect();
    let message = format!("no such provider: use one of {}", known.join(", "));
    Err(Error::Setting { channel: NAME, key: "provider", message })
}

/// A name as an alphanumeric sender: letters, digits and spaces of ASCII, cut to what operators show.
fn sender(name: &str) -> Option<Cow<'_, str>> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == ' ';
    let name = name.trim();
    if name.is_empty() || !name.chars().all(plain) {
        return None;
    }
    Some(Cow::Borrowed(name[..name.len().min(SENDER_CHARACTERS)].trim_end()))
}

/// A name or a number as the source of an SMPP message: a short code, an international number, or a name.
fn source(name: &str) -> Option<Address> {
    let digits = name.trim().trim_start_matches('+');
    let address = |ton, npi, text: &str| Some(Address { ton, npi, digits: Bytes::copy_from_slice(text.as_bytes()) });
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return match digits.len() {
            1..=6 => address(3, 0, digits),
            7..=15 => address(1, 1, digits),
            _ => None,
        };
    }
    address(5, 0, &sender(name)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_a_name_that_operators_show() {
        assert_eq!(sender("SPF Finances").as_deref(), Some("SPF Finance"));
        assert_eq!(sender("ONSS RSZ").as_deref(), Some("ONSS RSZ"));
        for wrong in ["", "  ", "Sécurité", "a\nb"] {
            assert_eq!(sender(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_source_is_a_short_code_a_number_or_a_name() {
        for (name, ton) in [("8686", 3), ("+32470123456", 1), ("32470123456", 1), ("ONSS RSZ", 5)] {
            assert_eq!(source(name).map(|address| address.ton), Some(ton), "{name}");
        }
        assert_eq!(source("1234567890123456"), None);
    }
}
