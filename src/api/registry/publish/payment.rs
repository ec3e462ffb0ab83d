//! What is to be paid, as a sender describes it.
use estafette_actors::domain::mailbox::document::{Payment, is_iban};
use estafette_actors::domain::time::Timestamp;

use crate::api::json::{Faults, Json, Number, Object};
use crate::api::registry::wire::{line, needed};

/// The largest amount, in units of the currency: every hundredth up to it is a double of its own.
const AMOUNT: f64 = 1e12;
/// Characters of an identifier.
const ID_LENGTH: usize = 200;
/// Bytes of the reference, as JSON.
const REFERENCE_BYTES: usize = 1_000;

/// Reads it.
pub fn payment(value: Json<'_>, faults: &mut Faults) -> Option<Payment> {
    let mut object = Object::of(value, "", faults)?;
    let id = object.parsed("paymentDataId", faults, line(ID_LENGTH));
    let id = needed(id, &object, "paymentDataId", faults);
    let amount = amount(&mut object, "amount", faults);
    let vat = self::amount(&mut object, "vatAmount", faults);
    let currency = object.parsed("currency", faults, currency);
    let currency = needed(currency, &object, "currency", faults);
    let due = object.parsed("dueDate", faults, Timestamp::parse);
    let due = needed(due, &object, "dueDate", faults);
    let iban = object.parsed("iban", faults, iban);
    let iban = needed(iban, &object, "iban", faults);
    let bic = object.parsed("bic", faults, bic);
    let reference = reference(&mut object, faults);
    object.finish("paymentDataId, amount, vatAmount, currency, dueDate, iban, bic, reference", faults);
    Some(Payment { id: id?, amount: amount?, vat: vat?, currency: currency?, due: due?, iban: iban?, bic, reference })
}

/// An amount in hundredths.
fn amount(object: &mut Object<'_>, name: &str, faults: &mut Faults) -> Option<i64> {
    match object.take(name) {
        Some(Json::Number(Number { near, .. })) if (0.0..=AMOUNT).contains(&near) => {
            let hundredths = (near * 100.0).round();
            // The double nearest to two decimals, and no other.
            if (hundredths / 100.0).to_bits() == near.to_bits() {
                return Some(hundredths as i64);
            }
            object.fault(name, "has more than two decimals: give two at most", faults);
            None
        }
        Some(_) => {
            object.fault(name, "must be a number from 0 with two decimals at most", faults);
            None
        }
        None => needed(None, object, name, faults),
    }
}

fn currency(text: &str) -> Result<[u8; 3], &'static str> {
    let letters = <[u8; 3]>::try_from(text.as_bytes()).ok();
    letters
        .filter(|all| all.iter().all(u8::is_ascii_uppercase))
        .ok_or("give the three letters of ISO 4217, such as EUR")
}

fn iban(text: &str) -> Result<Box<str>, &'static str> {
    let text: String = text.chars().filter(|c| *c != ' ').collect();
    if is_iban(&text) { Ok(text.into()) } else { Err("not an IBAN: check it for a typing mistake") }
}

fn bic(text: &str) -> Result<Box<str>, &'static str> {
    let bytes = text.as_bytes();
    let fits = matches!(bytes.len(), 8 | 11)
        && bytes.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && bytes[..6].iter().all(u8::is_ascii_uppercase);
    if fits { Ok(text.into()) } else { Err("not a BIC: give 8 or 11 capitals and digits (ISO 9362)") }
}

fn reference(object: &mut Object<'_>, faults: &mut Faults) -> Option<Box<str>> {
    let given = object.take("reference")?;
    if !matches!(given, Json::Object(_)) {
        object.fault("reference", "must be an object", faults);
        return None;
    }
    let text = given.value().to_string();
    if text.len() > REFERENCE_BYTES {
        object.fault("reference", format_args!("more than {REFERENCE_BYTES} bytes of JSON: shorten it"), faults);
        return None;
    }
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> (Option<Payment>, Vec<String>) {
        let mut faults = Faults::default();
        let found = payment(Json::parse(json.as_bytes()).unwrap(), &mut faults);
        (found, faults.into_inner().into_iter().map(|fault| fault.pointer).collect())
    }

    fn given(amount: &str) -> String {
        format!(
            r#"{{"paymentDataId":"p1","amount":{amount},"vatAmount":0,"currency":"EUR","dueDate":"2026-12-31T00:00:00Z",
               "iban":"BE68 5390 0754 7034","bic":"GKCCBEBB","reference":{{"structured":"+++090/9337/55493+++","n":1.5}}}}"#
        )
    }

    #[test]
    fn an_amount_is_exact_to_the_hundredth_or_refused() {
        for (text, hundredths) in
            [("0", 0), ("0.1", 10), ("12.34", 1_234), ("1e3", 100_000), ("999999999999.99", 99_999_999_999_999)]
        {
            let (found, faults) = read(&given(text));
            assert_eq!((found.map(|payment| payment.amount), faults.len()), (Some(hundredths), 0), "{text}");
        }
        for text in ["0.001", "-1", "1e13", "\"12\"", "12.345"] {
            assert_eq!(read(&given(text)).1, ["/amount"], "{text}");
        }
    }

    #[test]
    fn each_mistake_is_told_by_its_place_and_the_reference_stays_as_it_is() {
        let (found, _) = read(&given("1"));
        let found = found.unwrap();
        assert_eq!(
            (&*found.iban, found.reference.as_deref()),
            ("BE68539007547034", Some(r#"{"n":1.5,"structured":"+++090/9337/55493+++"}"#))
        );
        let wrong = r#"{"paymentDataId":"","amount":1,"currency":"eur","dueDate":"tomorrow","iban":"BE68539007547035","bic":"x","reference":"y"}"#;
        let places = ["/paymentDataId", "/vatAmount", "/currency", "/dueDate", "/iban", "/bic", "/reference"];
        assert_eq!(read(wrong).1, places);
    }
}
