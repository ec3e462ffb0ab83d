//! Persons of the demo's authentic source: invented names behind numbers that only show the form.
use estafette_actors::domain::birth::BirthDate;
use estafette_actors::domain::identity::{Identity, Registered, Standing};
use estafette_actors::domain::language::Language;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::{Access, Face, Persons};

/// Surname, given names, birth date, language, NISS and the NISS in its place.
const PEOPLE: [(&str, &str, &str, Language, &str, Option<&str>); 5] = [
    ("Van den Broeck", "Jan Frans", "1985-07-30", Language::Nl, "85073003328", None),
    ("Lefèvre", "Marie-Claire", "1985-07-30", Language::Fr, "85073006197", None),
    ("Öztürk", "Deniz", "2017-07-30", Language::De, "17073003384", None),
    ("Dupont", "Émile", "1985-07-30", Language::Fr, "85273003371", Some("85473003317")),
    ("Dupont", "Émile", "1985-07-30", Language::Fr, "85473003317", None),
];

/// Tells the authentic source of them; those that it has stay as they are.
pub async fn tell(source: &dyn Persons, by: Institution) -> anyhow::Result<()> {
    let niss = |digits: &str| digits.parse().map(Niss::from_trusted_u64);
    let persons = PEOPLE.iter().map(|(surname, given_names, birth, language, digits, by)| {
        let niss_here = niss(digits)?;
        Ok(Registered {
            niss: niss_here,
            standing: by.map(niss).transpose()?.map_or(Standing::InUse, Standing::ReplacedBy),
            identity: Identity {
                surname: (*surname).into(),
                given_names: (*given_names).into(),
                birth: BirthDate::parse(birth)?,
                sex: niss_here.sex(),
                language: Some(*language),
                deceased: None,
            },
        })
    });
    let access =
        Access { institution: by, key: "demo".into(), legal_context: "demo".into(), ticket: None, face: Face::Program };
    source.put(access, persons.collect::<anyhow::Result<_>>()?).await?;
    Ok(())
}
