//! Persons of the demo's authentic source: invented names behind numbers that only show the form.
use estafette_actors::domain::birth::BirthDate;
use estafette_actors::domain::identity::{Identity, Registered, Standing};
use estafette_actors::domain::language::Language;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::{Access, Face, Persons};

/// NISS, surname, given names, birth date.
type Row = (u64, &'static str, &'static str, &'static str);

const PEOPLE: [(Row, Language, Standing); 5] = [
    ((85_073_003_328, "Van den Broeck", "Jan Frans", "1985-07-30"), Language::Nl, Standing::InUse),
    ((85_073_006_197, "Lefèvre", "Marie-Claire", "1985-07-30"), Language::Fr, Standing::InUse),
    ((17_073_003_384, "Öztürk", "Deniz", "2017-07-30"), Language::De, Standing::InUse),
    ((85_473_003_317, "Dupont", "Émile", "1985-07-30"), Language::Fr, Standing::InUse),
    (
        (85_273_003_371, "Dupont", "Émile", "1985-07-30"),
        Language::Fr,
        Standing::ReplacedBy(Niss::from_trusted_u64(85_473_003_317)),
    ),
];

/// Tells the authentic source of them; those that it has stay as they are.
pub async fn tell(source: &dyn Persons, by: Institution) -> anyhow::Result<()> {
    let persons = PEOPLE.iter().map(|((number, surname, given_names, birth), language, standing)| {
        let niss = Niss::from_trusted_u64(*number);
        let identity = Identity {
            surname: (*surname).into(),
            given_names: (*given_names).into(),
            birth: BirthDate::parse(birth)?,
            sex: niss.sex(),
            language: Some(*language),
            deceased: None,
        };
        Ok(Registered { niss, standing: *standing, identity })
    });
    let access =
        Access { institution: by, key: "demo".into(), legal_context: "demo".into(), ticket: None, face: Face::Program };
    source.put(access, persons.collect::<anyhow::Result<_>>()?).await?;
    Ok(())
}
