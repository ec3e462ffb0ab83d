//! What the provider says of somebody besides the standard claims: their NISS, and for which enterprises they may read.
//!
//! The claim with enterprises is our own: a list of `{"cbe": "0403019261", "name": "...", "rights": ["..."]}`, where `rights` names access rights
//! as message types do. One entry that can't be read makes the whole answer wrong.
use std::collections::HashMap;

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::domain::niss::Niss;
use openidconnect::AdditionalClaims;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Trouble;
use crate::web::session::{Enterprise, Identity};
use crate::web::settings::SignIn;

/// Enterprises of one person at most.
const ENTERPRISES: usize = 1_000;
/// Rights in one of them at most.
const RIGHTS: usize = 200;
/// Characters of a name that are kept.
const NAME: usize = 100;

/// All claims that are not of the token itself.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Claims(HashMap<String, Value>);

impl AdditionalClaims for Claims {}

impl std::fmt::Debug for Claims {
    /// Without what they say.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("claims")
    }
}

#[derive(Deserialize)]
struct Given {
    cbe: String,
    name: Option<String>,
    #[serde(default)]
    rights: Vec<String>,
}

impl Claims {
    /// Whether a claim is there.
    pub fn has(&self, claim: &str) -> bool {
        self.0.contains_key(claim)
    }

    /// Who it is.
    pub fn identity(
        &self,
        settings: &SignIn,
        name: Option<String>,
        id_token: Box<str>,
        today: jiff::civil::Date,
    ) -> Result<Identity, Trouble> {
        let niss = self.0.get(&settings.niss_claim).and_then(Value::as_str);
        let niss = niss.and_then(|text| Niss::parse(text, today).ok()).ok_or(Trouble::NoNumber)?;
        let own = self.0.get(&settings.name_claim).and_then(Value::as_str).map(str::to_owned);
        let name = shown(&own.or(name).unwrap_or_default());
        let enterprises = match self.0.get(&settings.enterprises_claim) {
            None | Some(Value::Null) => vec![],
            Some(list) => enterprises(list).ok_or(Trouble::Wrong("its claim about enterprises"))?,
        };
        Ok(Identity { niss, name, enterprises, id_token })
    }
}

fn enterprises(list: &Value) -> Option<Vec<Enterprise>> {
    let given = Vec::<Given>::deserialize(list).ok().filter(|given| given.len() <= ENTERPRISES)?;
    let one = |given: Given| {
        let rights = given.rights.iter().map(|right| RefId::parse(right).ok()).collect::<Option<Vec<_>>>()?;
        let name = given.name.as_deref().map(shown).filter(|name| !name.is_empty());
        (rights.len() <= RIGHTS).then_some(Enterprise { cbe: Cbe::parse(&given.cbe).ok()?, name, rights })
    };
    let mut all = given.into_iter().map(one).collect::<Option<Vec<_>>>()?;
    all.sort_by_key(|one| one.cbe);
    // One that is named twice has the rights of both.
    all.dedup_by(|later, kept| {
        let is_same = later.cbe == kept.cbe;
        if is_same {
            kept.rights.append(&mut later.rights);
        }
        is_same
    });
    Some(all)
}

/// A name on one line.
fn shown(name: &str) -> Box<str> {
    name.chars().filter(|c| !c.is_control()).take(NAME).collect::<String>().trim().into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(claims: Value) -> Result<Identity, Trouble> {
        let claims: Claims = serde_json::from_value(claims).unwrap();
        claims.identity(&SignIn::default(), Some("From the token".into()), "".into(), jiff::civil::date(2026, 11, 28))
    }

    #[test]
    fn a_person_has_a_number_a_name_and_enterprises() {
        let somebody = read(json!({
            "niss": "85073003328", "name": "An\nExample ",
            "enterprises": [{"cbe": "0403.019.261", "name": "Zaventem", "rights": ["tax"]}, {"cbe": "0206731645"}, {"cbe": "0403019261", "rights": ["pay"]}],
        }))
        .unwrap();
        assert_eq!((somebody.niss.digits().as_str(), &*somebody.name), ("85073003328", "AnExample"));
        let numbers: Vec<_> = somebody.enterprises.iter().map(|one| (one.cbe.digits(), one.rights.len())).collect();
        assert_eq!(numbers, [("0206731645".to_owned(), 0), ("0403019261".to_owned(), 2)]);
        assert_eq!(&*read(json!({"niss": "85073003328"})).unwrap().name, "From the token");
    }

    #[test]
    fn who_has_no_valid_number_and_an_enterprise_that_can_not_be_is_nobody() {
        for wrong in
            [json!({}), json!({"niss": 85_073_003_328_u64}), json!({"niss": "85073003329"}), json!({"niss": null})]
        {
            assert_eq!(read(wrong).err(), Some(Trouble::NoNumber));
        }
        for wrong in
            [json!("0403019261"), json!([{}]), json!([{"cbe": "1"}]), json!([{"cbe": "0403019261", "rights": ["a b"]}])]
        {
            let found = read(json!({"niss": "85073003328", "enterprises": wrong}));
            assert_eq!(found.err(), Some(Trouble::Wrong("its claim about enterprises")));
        }
    }
}
