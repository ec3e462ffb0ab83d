//! The persons: found by number and by name, created once, corrected, replaced in chains, and the same after a restart.
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

use estafette_actors::domain::birth::BirthDate;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::dossier::{Code, DossierType};
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::names::CODES_VERSION;
use estafette_actors::domain::niss::Sex;
use estafette_actors::domain::period::Period;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::register::{Dossiers as _, Face, Persons as _, Question, WRONG_MAX};
use proptest::prelude::*;

use super::*;
use crate::store::register::{NEXT, Settings};

mod filling;
mod replacing;

/// 2026-11-28.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_867_200_000)
    }
}

type Told = Arc<Mutex<Vec<(Niss, Date, Change)>>>;
type Followed = Arc<Mutex<Vec<(Niss, Option<Niss>)>>>;

struct World {
    folder: tempfile::TempDir,
    dossiers: Dossiers,
    persons: Persons,
    told: Told,
    followed: Followed,
}

fn open(dir: &Path) -> (Dossiers, Persons, Told, Followed) {
    let (told, followed) = (Told::default(), Followed::default());
    let (telling, following) = (Arc::clone(&told), Arc::clone(&followed));
    let hearers = Hearers {
        teller: Some(Arc::new(move |_, _, some| {
            telling.lock().unwrap().extend_from_slice(some);
            Ok(())
        })),
        follower: Some(Arc::new(move |some| following.lock().unwrap().extend_from_slice(some))),
    };
    let dossiers = Dossiers::open(Settings::new(dir), [7; 32], Arc::new(Stopped)).unwrap();
    let persons = Persons::open(&dossiers, Arc::new(Stopped), dir, hearers).unwrap();
    for _ in 0..10_000 {
        if persons.is_ready() {
            return (dossiers, persons, told, followed);
        }
        std::thread::park_timeout(std::time::Duration::from_millis(1));
    }
    panic!("the index was not made");
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (dossiers, persons, told, followed) = open(folder.path());
        Self { folder, dossiers, persons, told, followed }
    }

    fn restarted(self) -> Self {
        let Self { folder, dossiers, persons, .. } = self;
        dossiers.close();
        drop((dossiers, persons));
        let (dossiers, persons, told, followed) = open(folder.path());
        Self { folder, dossiers, persons, told, followed }
    }

    fn put(&self, persons: Vec<Registered>) -> Result<(u64, u64), Trouble> {
        wait(|| self.persons.put(access(), persons))
    }

    fn find(&self, niss: Niss) -> Option<Registered> {
        wait(|| self.persons.find(niss)).unwrap()
    }

    fn search(&self, surname: &str, given: &str, birth: Option<&str>) -> Vec<Hit> {
        let given_names = (!given.is_empty()).then(|| given.into());
        let birth = birth.map(|birth| BirthDate::parse(birth).unwrap());
        let claim = Claim { surname: Some(surname.into()), given_names, birth, sex: None };
        wait(|| self.persons.search(Search { claim, years: 0, limit: 10 })).unwrap().hits
    }

    fn create(&self, identity: Identity) -> Result<Created, Trouble> {
        wait(|| self.persons.create(access(), NewPerson { identity, although_alike: false }))
    }

    /// Every entry of the index, and those that there should be.
    fn entries(&self) -> [BTreeSet<(Vec<u8>, Vec<u8>)>; 2] {
        let (mut there, mut wanted) = (BTreeSet::new(), BTreeSet::new());
        let engine = self.dossiers.engine();
        let each = |key: &[u8], value: &[u8]| {
            there.insert((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        };
        engine.scan(PERSON_CODES, &[], None, each).unwrap();
        let each = |key: &[u8], value: &[u8]| {
            let person = record::unpack(record::niss_of(key).unwrap(), value).unwrap();
            let Entries { keys, value } = Entries::of(&person);
            wanted.extend(keys.into_iter().map(|key| (key.to_vec(), value.clone())));
            ControlFlow::Continue(())
        };
        engine.scan(PERSONS, &[], None, each).unwrap();
        [there, wanted]
    }

    #[track_caller]
    fn is_whole(&self) {
        let [there, wanted] = self.entries();
        assert!(there == wanted, "{} entries and {} wanted", there.len(), wanted.len());
    }
}

fn wait<T>(future: impl FnOnce() -> T) -> T::Output
where
    T: Future,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _here = runtime.enter();
    let future = future();
    runtime.block_on(future)
}

fn institution() -> Institution {
    Institution(Cbe::parse("0403019261").unwrap())
}

fn access() -> Access {
    let (key, legal_context) = ("k1".into(), "art. 5".into());
    Access { institution: institution(), key, legal_context, ticket: None, face: Face::Rest }
}

fn niss(n: u64) -> Niss {
    Niss::from_trusted_u64(80_010_100_000 + n)
}

fn identity(surname: &str, given: &str, birth: &str) -> Identity {
    let (surname, given_names, birth) = (surname.into(), given.into(), BirthDate::parse(birth).unwrap());
    Identity { surname, given_names, birth, sex: Some(Sex::Female), language: Some(Language::Nl), deceased: None }
}

fn person(n: u64, surname: &str, given: &str, birth: &str) -> Registered {
    Registered { niss: niss(n), standing: Standing::InUse, identity: identity(surname, given, birth) }
}

fn claim(surname: &str) -> Claim {
    Claim { surname: Some(surname.into()), ..Claim::default() }
}

fn refusal<T>(outcome: Result<T, Trouble>) -> String {
    match outcome {
        Err(Trouble::Refused(what)) => what,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was done"),
    }
}

#[test]
fn whoever_was_put_is_found_by_number_and_by_how_the_name_sounds_and_after_a_restart_too() {
    let world = World::new();
    let anna = person(1, "Vandenbroucke", "Anna Maria", "1985-07-30");
    let bert = person(2, "De Smedt", "Bert", "1960-02-01");
    assert_eq!(world.put(vec![bert.clone(), anna.clone()]), Ok((2, 0)));
    assert_eq!(world.put(vec![bert.clone(), anna.clone()]), Ok((0, 0)), "nothing changed");
    for _ in 0..2 {
        assert_eq!(world.find(anna.niss), Some(anna.clone()));
        assert_eq!(world.find(niss(3)), None);
        let hits = world.search("van den Broecke", "Anna", Some("1985-07-03"));
        assert_eq!(hits.first().map(|hit| &hit.person), Some(&anna), "{} found", hits.len());
        assert_eq!(world.search("Desmet", "Bert", None).first().map(|hit| &hit.person), Some(&bert));
    }
    let world = world.restarted();
    assert_eq!(world.find(anna.niss), Some(anna.clone()));
    assert_eq!(world.search("Vandenbroucke", "Anna", None).first().map(|hit| hit.score), Some(100));
    world.is_whole();
}

#[test]
fn a_search_without_a_surname_is_refused() {
    let world = World::new();
    let asked = Search { claim: Claim::default(), years: 0, limit: 10 };
    assert!(refusal(wait(|| world.persons.search(asked))).contains("surname"));
    let none = Claim { surname: Some("123".into()), ..Claim::default() };
    assert!(refusal(wait(|| world.persons.search(Search { claim: none, years: 0, limit: 10 }))).contains("letter"));
}

#[test]
fn a_search_that_would_look_at_too_many_ends_and_says_so_whether_or_not_it_found_anybody() {
    let world = World::new();
    let some = |from: u64, until: u64| (from..until).map(|n| person(n, "Maes", "Quirinius", "1985-07-30")).collect();
    let find = |given: &str, birth: Option<&str>| {
        let (surname, given_names) = (Some("Maes".into()), Some(given.into()));
        let claim = Claim { surname, given_names, birth: birth.map(|text| BirthDate::parse(text).unwrap()), sex: None };
        wait(|| world.persons.search(Search { claim, years: 0, limit: 10 })).unwrap()
    };
    world.put(some(0, 100)).unwrap();
    let found = find("Quirinius", None);
    assert_eq!((found.hits.len(), found.is_incomplete), (10, false), "cut by its limit only");
    world.put(some(100, 600)).unwrap();
    let found = find("Quirinius", None);
    assert_eq!((found.hits.len(), found.is_incomplete), (10, true));
    assert!(found.hits.is_sorted_by_key(|hit| hit.person.niss), "those of one score by number");
    assert_eq!(find("Bob", None), Found { hits: vec![], is_incomplete: true });
    assert_eq!(find("Bob", Some("1960-01-02")), Found { hits: vec![], is_incomplete: true });
    world.put(vec![person(700, "Peeters", "Anna", "1960-01-02")]).unwrap();
    assert!(
        !wait(|| world.persons.search(Search { claim: claim("Peeters"), years: 0, limit: 10 })).unwrap().is_incomplete
    );
    let rare = NewPerson { identity: identity("Maes", "Bob", "1960-01-02"), although_alike: false };
    assert!(
        matches!(wait(|| world.persons.create(access(), rare)), Ok(Created::Number(_))),
        "nobody alike of that day"
    );
}

#[test]
fn a_search_that_looked_at_as_many_as_it_may_and_there_were_no_more_is_whole() {
    let world = World::new();
    // One code each: without a given name and a birth date there is that of the surname only.
    let some = |until: u64| (0..until).map(|n| person(n, "Maes", "", "1985")).collect();
    world.put(some(search::CANDIDATES as u64)).unwrap();
    let find = || wait(|| world.persons.search(Search { claim: claim("Maes"), years: 0, limit: 10 })).unwrap();
    assert!(!find().is_incomplete);
    world.put(some(search::CANDIDATES as u64 + 1)).unwrap();
    assert!(find().is_incomplete);
}

#[test]
fn a_number_is_created_once_for_the_same_data_however_many_ask_at_once() {
    let world = World::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let some: Vec<Created> = runtime.block_on(async {
        let ask = |n: usize| {
            let identity = identity(["Maes", "Peeters"][n % 2], "Anna", "1985-07-30");
            world.persons.create(access(), NewPerson { identity, although_alike: false })
        };
        let all = futures_util::future::join_all((0..20).map(ask)).await;
        all.into_iter().map(Result::unwrap).collect()
    });
    let numbers: BTreeSet<_> =
        some.iter().filter_map(|one| if let Created::Number(niss) = one { Some(*niss) } else { None }).collect();
    let created = some.iter().filter(|one| matches!(one, Created::Number(_))).count();
    assert_eq!((numbers.len(), created), (2, 2));
    for one in &some {
        if let Created::Alike(hits) = one {
            assert!(numbers.contains(&hits[0].person.niss));
        }
    }
    world.is_whole();
}

#[test]
fn somebody_alike_is_shown_and_no_number_is_created_unless_it_is_insisted() {
    let world = World::new();
    let Ok(Created::Number(first)) = world.create(identity("Janssens", "Marie", "1990-03-04")) else { panic!("none") };
    assert_eq!((first.kind(), first.sex()), (Kind::Bcss, Some(Sex::Female)));
    let Ok(Created::Alike(hits)) = world.create(identity("Jansens", "Marie", "1990-03-04")) else { panic!("created") };
    assert_eq!(hits[0].person.niss, first);
    let person = NewPerson { identity: identity("Jansens", "Marie", "1990-03-04"), although_alike: true };
    let Ok(Created::Number(second)) = wait(|| world.persons.create(access(), person)) else { panic!("none") };
    assert_ne!(first, second);
    assert_eq!(world.find(second).unwrap().identity.surname.as_ref(), "Jansens");
}

#[test]
fn what_nobody_can_be_is_not_created() {
    let world = World::new();
    let died = Identity { deceased: Some(Date::constant(1980, 1, 1)), ..identity("Maes", "A", "1985-07-30") };
    for (wrong, says) in [
        (identity("", "Anna", "1985-07-30"), "surname"),
        (identity("王", "Anna", "1985-07-30"), "Latin"),
        (identity("Maes", "Anna", "2026-11-29"), "future"),
        (identity("Maes", "Anna", "1899-12-31"), "1900"),
        (identity(&"a".repeat(151), "Anna", "1985-07-30"), "150"),
        (identity("Maes", "An\nna", "1985-07-30"), "control"),
        (died, "before the birth"),
    ] {
        let what = refusal(world.create(wrong));
        assert!(what.contains(says), "{what}");
    }
}

#[test]
fn numbers_of_a_day_follow_each_other_fill_gaps_and_go_on_without_the_month() {
    let world = World::new();
    let engine = world.dossiers.engine();
    let birth = BirthDate::parse("1985-07-30").unwrap();
    let taken = |sequence| Niss::bcss(1985, 7, 30, Some(Sex::Male), sequence).unwrap();
    // What was found with these sequence numbers taken, and is to be given out next.
    for (sequences, next) in [
        (vec![], taken(1)),
        (vec![1, 3], taken(5)),
        (vec![997], taken(999)),
        (vec![1, 3, 7, 999], taken(5)),
        ((0..1_000).filter(|n| n % 2 == 1).collect(), Niss::bcss(1985, 0, 30, Some(Sex::Male), 1).unwrap()),
    ] {
        let found = wait(|| {
            engine.change(move |draft| {
                // Those of the other century have the same six digits, and are other numbers.
                draft.put(PERSONS, &record::key(Niss::bcss(2085, 7, 30, Some(Sex::Male), 1).unwrap()), [1].as_slice());
                for one in sequences {
                    draft.put(PERSONS, &record::key(taken(one)), [1].as_slice());
                }
                let found = numbers::next(draft, birth, Some(Sex::Male))?;
                Err::<(), Trouble>(Trouble::Refused(found.digits()))
            })
        });
        assert_eq!(refusal(found), next.digits());
    }
}

#[test]
fn a_correction_keeps_the_number_moves_the_index_and_is_told() {
    let world = World::new();
    let Ok(Created::Number(niss)) = world.create(identity("Peeters", "Jan", "1970-00-00")) else { panic!("none") };
    let correct = |niss, correction| wait(|| world.persons.correct(access(), niss, correction));
    let birth = BirthDate::parse("1970-05-06").unwrap();
    let now = correct(niss, Correction { surname: Some("Nowak".into()), birth: Some(birth), ..Correction::default() });
    assert_eq!(now.unwrap(), Identity { surname: "Nowak".into(), birth, ..identity("Peeters", "Jan", "1970-00-00") });
    assert_eq!(world.search("Nowak", "Jan", Some("1970-05-06")).len(), 1);
    assert_eq!(world.search("Peeters", "Jan", None).len(), 0);
    let told = world.told.lock().unwrap().clone();
    assert!(matches!(&told[..], [(one, on, Change::Identified { fields, .. })]
        if *one == niss && *on == Date::constant(2026, 11, 28) && fields.len() == 2));
    correct(niss, Correction::default()).unwrap();
    assert_eq!(world.told.lock().unwrap().len(), 1, "nothing changed");
    let national = Niss::parse("85073003328", Date::constant(2026, 1, 1)).unwrap();
    assert!(refusal(correct(national, Correction::default())).contains("National Register"));
    let unknown = Niss::bcss(1985, 7, 30, None, 33).unwrap();
    assert!(refusal(correct(unknown, Correction::default())).contains("no such number"));
    world.is_whole();
}

#[test]
fn an_index_of_another_version_is_made_again_from_the_persons() {
    let world = World::new();
    let some: Vec<_> =
        (0..40).map(|n| person(n, ["Maes", "Peeters", "De Smet"][n as usize % 3], "Anna", "1985-07-30")).collect();
    world.put(some).unwrap();
    let spoil = |draft: &mut Draft<'_>| {
        draft.put(NEXT, b"person_codes", (CODES_VERSION + 1).to_be_bytes().as_slice());
        draft.put(PERSON_CODES, &record::entry_key(7, 1985, niss(1)), [0].as_slice());
        Ok::<_, Trouble>(())
    };
    wait(|| world.dossiers.engine().change(spoil)).unwrap();
    let world = world.restarted();
    world.is_whole();
    assert_eq!(world.search("Peters", "Anna", None).len(), 10);
}

fn any_identity() -> impl Strategy<Value = Identity> {
    let names = prop::sample::select(vec!["Maes", "Peeters", "De Smet", "Van den Broeck", "Müller", "El Amrani", "王"]);
    let sex = prop::sample::select(vec![None, Some(Sex::Female), Some(Sex::Male)]);
    let language = prop::sample::select(vec![
        None,
        Some(Language::Fr),
        Some(Language::Nl),
        Some(Language::De),
        Some(Language::En),
    ]);
    let birth = (1900_i16..2020, 0_u8..=12, 0_u8..28)
        .prop_map(|(year, month, day)| BirthDate::new(year, month, if month == 0 { 0 } else { day }).unwrap());
    (names, "[A-Za-z é'-]{0,20}", birth, sex, language, prop::option::of(1_i16..28)).prop_map(
        |(surname, given, birth, sex, language, died)| Identity {
            surname: surname.into(),
            given_names: given.into(),
            birth,
            sex,
            language,
            deceased: died.map(|day| Date::new(2021, 2, day as i8).unwrap()),
        },
    )
}

proptest! {
    #[test]
    fn a_record_is_read_back_as_it_was_written_and_any_bytes_are_judged(
        identity in any_identity(), standing in 0_u8..3, by in 0_u64..99_999_999_999, junk in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let standing = match standing {
            0 => Standing::InUse,
            1 => Standing::Cancelled,
            _ => Standing::ReplacedBy(Niss::from_trusted_u64(by)),
        };
        let one = Registered { niss: niss(1), standing, identity };
        prop_assert_eq!(record::unpack(one.niss, &record::pack(&one)), Some(one.clone()));
        let entries = Entries::of(&Registered { standing: Standing::InUse, ..one.clone() });
        for key in &entries.keys {
            prop_assert_eq!(record::entry_niss(key), Some(one.niss));
        }
        let folded = record::folded(&one.identity);
        let read = record::candidate(&entries.value).unwrap();
        prop_assert!((read.surname, read.given, read.birth, read.sex) == (folded.surname, folded.given, folded.birth, folded.sex));
        let _ = (record::unpack(one.niss, &junk), record::candidate(&junk));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn the_index_is_what_the_persons_say_after_any_changes(
        changes in prop::collection::vec((0_u64..12, any_identity(), 0_u8..5, 0_u64..12), 1..40),
    ) {
        let world = World::new();
        let mut model = std::collections::BTreeMap::new();
        for group in changes.chunks(3) {
            let mut some = std::collections::BTreeMap::new();
            for (n, identity, standing, by) in group {
                let standing = match standing {
                    0 => Standing::Cancelled,
                    1 => Standing::ReplacedBy(niss(*by)),
                    _ => Standing::InUse,
                };
                some.insert(*n, Registered { niss: niss(*n), standing, identity: identity.clone() });
            }
            let was = model.clone();
            if world.put(some.values().cloned().collect()).is_ok() {
                model.extend(some);
            }
            for n in 0..12 {
                prop_assert_eq!(world.find(niss(n)), model.get(&n).cloned(), "{} {}", n, was.len());
            }
            // Every replacement ends.
            for one in model.values() {
                let (mut at, mut steps) = (one, 0);
                while let Standing::ReplacedBy(by) = at.standing {
                    at = &model[&(by.as_u64() - niss(0).as_u64())];
                    steps += 1;
                    prop_assert!(steps <= 16);
                }
            }
        }
        let [there, wanted] = world.entries();
        prop_assert_eq!(there, wanted);
    }
}
