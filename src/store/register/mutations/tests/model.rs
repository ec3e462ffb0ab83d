//! Any order of telling, making, confirming and crashing against lists: no file is missing or there twice, and each mutation is in
//! exactly one, in its order.
use super::*;

const OWNERS: usize = 4;
const TYPES: [&str; 2] = ["A", "B"];

#[derive(Clone, Debug)]
enum Step {
    Inscribe(usize, u64, usize, u64),
    Subscribe(usize, Vec<usize>),
    Unsubscribe(usize),
    /// Persons, how many days ago, and whether it is an event.
    Tell(Vec<(u64, u64, bool)>),
    Pass(u64),
    /// The clock is set back.
    Back(u64),
    Produce,
    Confirm(usize, u64),
    Flush,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let told = (1..4_u64, 0..3_u64, any::<bool>());
    prop_oneof![
        3 => (0..3_usize, 1..4_u64, 0..2_usize, 0..6_u64).prop_map(|(o, n, t, day)| Step::Inscribe(o, n, t, day)),
        2 => (0..OWNERS, prop::collection::vec(0..2_usize, 0..2)).prop_map(|(o, types)| Step::Subscribe(o, types)),
        1 => (0..OWNERS).prop_map(Step::Unsubscribe),
        5 => prop::collection::vec(told, 1..8).prop_map(Step::Tell),
        4 => (0..40_u64).prop_map(Step::Pass),
        1 => (0..30_u64).prop_map(Step::Back),
        3 => Just(Step::Produce),
        3 => (0..OWNERS, 0..3_u64).prop_map(|(owner, skip)| Step::Confirm(owner, skip)),
        1 => Just(Step::Flush),
        1 => Just(Step::Crash),
    ]
}

#[derive(Default)]
struct Model {
    /// Whose, whom, which type, and the only day.
    rows: Vec<(usize, u64, usize, Date)>,
    subscriptions: BTreeMap<usize, Vec<usize>>,
    waiting: Vec<(usize, Date, Mutation)>,
    open: Option<Date>,
    files: BTreeMap<usize, Vec<Vec<Mutation>>>,
    confirmed: BTreeMap<usize, Vec<Timestamp>>,
    gone: BTreeMap<usize, usize>,
}

impl Model {
    /// Type A of the first is open to the last, which keeps no register.
    fn gets(&self, who: usize, mutation: &Mutation) -> bool {
        let n = mutation.niss.as_u64();
        let open = |owner: usize, of: usize| who == owner || (owner == 0 && of == 0 && who == OWNERS - 1);
        let of_him: Vec<_> = self.rows.iter().filter(|row| row.1 == n && open(row.0, row.2)).collect();
        let Change::Event { .. } = mutation.change else { return !of_him.is_empty() };
        let Some(types) = self.subscriptions.get(&who) else { return false };
        of_him.iter().any(|row| row.3 == mutation.on && (types.is_empty() || (row.0 == who && types.contains(&row.2))))
    }

    fn tell(&mut self, mutation: &Mutation) -> u32 {
        let to: Vec<usize> = (0..OWNERS).filter(|who| self.gets(*who, mutation)).collect();
        let under = self.open.map_or(day::of(mutation.recorded), |open| open.max(day::of(mutation.recorded)));
        self.waiting.extend(to.iter().map(|who| (*who, under, mutation.clone())));
        to.len() as u32
    }

    fn produce(&mut self, today: Date, now: Timestamp) -> u64 {
        self.open = self.open.max(Some(today));
        let mut days: BTreeMap<(usize, Date), Vec<Mutation>> = BTreeMap::new();
        self.waiting.retain(|(who, day, mutation)| {
            let is_over = *day < today;
            if is_over {
                days.entry((*who, *day)).or_default().push(mutation.clone());
            }
            !is_over
        });
        let mut made = 0;
        for ((who, _), mutations) in days {
            for file in mutations.chunks(IN_A_FILE) {
                self.files.entry(who).or_default().push(file.to_vec());
                made += 1;
            }
        }
        for (who, confirmed) in &self.confirmed {
            let is_over = |at: &&Timestamp| at.plus(Duration::from_millis(KEPT_DAYS * DAY_MS)) <= now;
            let gone = self.gone.entry(*who).or_default();
            *gone += confirmed[*gone..].iter().take_while(is_over).count();
        }
        made
    }
}

fn check(world: &World, model: &Model) {
    for who in 0..OWNERS {
        let files = model.files.get(&who).map_or(&[][..], Vec::as_slice);
        let vouchers = world.vouchers(who);
        let numbers: Vec<u64> = vouchers.iter().map(|voucher| voucher.sequence).collect();
        assert_eq!(numbers, (1..=files.len() as u64).collect::<Vec<_>>(), "a gap or a repetition");
        let confirmed: Vec<Timestamp> = vouchers.iter().map_while(|voucher| voucher.confirmed).collect();
        assert_eq!(Some(&confirmed), model.confirmed.get(&who).or(Some(&vec![])));
        for (place, (sequence, expected)) in (1..).zip(files).enumerate() {
            match world.file(who, sequence) {
                Ok(mutations) => {
                    assert!(mutations == *expected, "a file holds something else");
                    assert!(place >= model.gone.get(&who).copied().unwrap_or_default());
                }
                Err(trouble) => {
                    assert_eq!(trouble, Trouble::NotFound);
                    assert!(place < model.gone.get(&who).copied().unwrap_or_default(), "a file is lost");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn each_mutation_is_in_exactly_one_file_and_files_have_no_gap_whatever_happens(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let (first, mut world) = World::new();
        let mut folders = vec![];
        world.set(midnight(3) + 1);
        for owner in 0..3 {
            world.define(owner, "A", if owner == 0 { &[OWNERS - 1] } else { &[] });
            world.define(owner, "B", &[]);
        }
        // It keeps no rows, and can name types of its own all the same.
        world.define(OWNERS - 1, "A", &[]);
        world.define(OWNERS - 1, "B", &[]);
        let (mut model, mut id) = (Model::default(), 0);
        for step in steps {
            let now = world.now();
            let today = day::of(now);
            match step {
                Step::Inscribe(owner, n, of, n_day) => {
                    world.inscribe(owner, n, TYPES[of], Period::day(day_of(n_day)));
                    model.rows.push((owner, n, of, day_of(n_day)));
                }
                Step::Subscribe(owner, types) => {
                    let named: Vec<&str> = types.iter().map(|of| TYPES[*of]).collect();
                    world.subscribe(owner, "DIMONA", &named).unwrap();
                    model.subscriptions.insert(owner, types);
                }
                Step::Unsubscribe(owner) => {
                    let told = wait(|| world.mutations.unsubscribe(access(owner), code("DIMONA")));
                    prop_assert_eq!(told.is_ok(), model.subscriptions.remove(&owner).is_some());
                }
                Step::Tell(told) => {
                    let told: Vec<(Niss, Date, Change)> = told.into_iter().map(|(n, ago, is_event)| {
                        id += 1;
                        let change = if is_event { event("DIMONA", id) } else { Change::Replaced { by: niss(1_000 + id) } };
                        (niss(n), today.checked_sub((ago as i64).days()).unwrap(), change)
                    }).collect();
                    let expected: Vec<u32> = told.iter().map(|(niss, on, change)| {
                        model.tell(&Mutation { niss: *niss, on: *on, recorded: now, change: change.clone() })
                    }).collect();
                    prop_assert_eq!(world.tell(told), expected);
                }
                Step::Pass(hours) => world.set(now.millis() + hours * 3_600_000),
                Step::Back(hours) => world.set(now.millis() - hours * 3_600_000),
                Step::Produce => prop_assert_eq!(world.produce(today), model.produce(today, now)),
                Step::Confirm(owner, skip) => {
                    let confirmed = model.confirmed.entry(owner).or_default();
                    let (next, made) = (confirmed.len() as u64 + 1, model.files.get(&owner).map_or(0, Vec::len) as u64);
                    let told = wait(|| world.mutations.confirm(access(owner), next + skip));
                    if next + skip > made {
                        prop_assert_eq!(told, Err(Trouble::NotFound));
                    } else if skip > 0 {
                        prop_assert_eq!(told, Err(Trouble::OutOfOrder(next)));
                    } else {
                        prop_assert_eq!(told.unwrap().confirmed, Some(now));
                        confirmed.push(now);
                    }
                }
                Step::Flush => world.dossiers.engine().flush().unwrap(),
                Step::Crash => {
                    let image = tempfile::tempdir().unwrap();
                    let from = world.dossiers.engine().clone();
                    let (settings, into) = (super::super::super::Settings::new("").engine, image.path().to_owned());
                    let names = [settings.tables_path(), settings.log_path()];
                    let dir = folders.last().map_or_else(|| first.path().to_owned(), |dir: &tempfile::TempDir| dir.path().to_owned());
                    wait(|| from.between_commits(move || {
                        for name in names {
                            std::fs::copy(dir.join(&name), into.join(&name)).unwrap();
                        }
                    })).unwrap();
                    world = World::at(image.path(), &world.clock);
                    folders.push(image);
                }
            }
        }
        check(&world, &model);
        let now = world.now();
        let tomorrow = day::of(now).tomorrow().unwrap();
        world.produce(tomorrow);
        model.produce(tomorrow, now);
        check(&world, &model);
        prop_assert!(model.waiting.iter().all(|(_, under, _)| *under >= tomorrow));
    }
}
