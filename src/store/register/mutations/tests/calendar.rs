//! Days: when one is over, and what comes late.
use super::*;

fn one_told() -> (tempfile::TempDir, World) {
    let (folder, world) = World::new();
    world.define(0, "A", &[]);
    world.inscribe(0, 1, "A", Period::always());
    (folder, world)
}

fn tell(world: &World) {
    assert_eq!(world.tell(vec![(niss(1), day_of(0), Change::Cancelled)]), [1]);
}

#[test]
fn a_day_is_that_of_brussels_also_when_the_clock_is_changed() {
    for month in ["2026-03-28", "2026-10-24", "2026-12-30"] {
        let (_folder, world) = one_told();
        let first: Date = month.parse().unwrap();
        // The first and the last millisecond of each of three days.
        for n in 0..3 {
            let day = first.checked_add(n.days()).unwrap();
            for at in [day::begins(day).millis(), day::begins(day.tomorrow().unwrap()).millis() - 1] {
                world.set(at);
                tell(&world);
            }
            assert_eq!(world.produce(day), u64::from(n > 0), "{day}");
        }
        let counts: Vec<u32> = world.vouchers(0).iter().map(|voucher| voucher.count).collect();
        assert_eq!(counts, [2, 2]);
        for voucher in world.vouchers(0) {
            let days: BTreeSet<Date> =
                world.file(0, voucher.sequence).unwrap().iter().map(|one| day::of(one.recorded)).collect();
            assert_eq!(days, [first.checked_add((voucher.sequence as i64 - 1).days()).unwrap()].into());
        }
    }
}

#[test]
fn days_without_a_file_are_made_up_for_one_by_one_and_an_empty_day_has_none() {
    let (_folder, world) = one_told();
    for n in [0, 1, 4] {
        world.set(midnight(n) + 5);
        tell(&world);
    }
    world.set(midnight(9));
    assert_eq!((world.produce(day_of(9)), world.produce(day_of(9))), (3, 0));
    let days: Vec<Date> = (1..=3).map(|sequence| day::of(world.file(0, sequence).unwrap()[0].recorded)).collect();
    assert_eq!(days, [day_of(0), day_of(1), day_of(4)]);
}

#[test]
fn what_is_recorded_for_a_day_that_is_closed_is_in_the_next_file_and_no_old_one_changes() {
    let (_folder, world) = one_told();
    tell(&world);
    world.set(midnight(1));
    assert_eq!(world.produce(day_of(1)), 1);
    let before = wait(|| world.mutations.file(institution(0), 1)).unwrap();
    // The clock goes back an hour, and the day comes again.
    world.set(midnight(1) - 3_600_000);
    tell(&world);
    assert_eq!(world.produce(day_of(1)), 0);
    world.set(midnight(2));
    tell(&world);
    assert_eq!(world.produce(day_of(2)), 1);
    assert_eq!(wait(|| world.mutations.file(institution(0), 1)).unwrap(), before);
    assert_eq!((world.file(0, 2).unwrap().len(), world.vouchers(0).len()), (1, 2));
}

#[test]
fn an_operator_who_wants_files_now_gets_those_of_today_and_holds_up_no_later_day() {
    let (_folder, world) = one_told();
    tell(&world);
    assert_eq!(world.produce(day_of(0)), 0);
    // However far ahead is asked for.
    assert_eq!(world.produce(day_of(5_000)), 1);
    tell(&world);
    assert_eq!(world.produce(day_of(5_000)), 0);
    world.set(midnight(1));
    tell(&world);
    world.set(midnight(2));
    assert_eq!(world.produce(day_of(2)), 1);
    assert_eq!(world.file(0, 2).unwrap().len(), 2);
}

#[test]
fn files_are_confirmed_in_order_and_one_that_is_out_of_order_is_told_the_next() {
    let (_folder, world) = one_told();
    for n in 0..3 {
        world.set(midnight(n));
        tell(&world);
    }
    world.set(midnight(3));
    world.produce(day_of(3));
    let confirm = |sequence| wait(|| world.mutations.confirm(access(0), sequence));
    assert_eq!(confirm(2), Err(Trouble::OutOfOrder(1)));
    for none in [0, 4, u64::MAX] {
        assert_eq!(confirm(none), Err(Trouble::NotFound));
    }
    let first = confirm(1).unwrap();
    assert_eq!(first.confirmed, Some(world.now()));
    world.set(midnight(4));
    assert_eq!(confirm(1), Ok(first.clone()), "confirmed again");
    assert_eq!(confirm(3), Err(Trouble::OutOfOrder(2)));
    assert_eq!(confirm(2).unwrap().sequence, 2);
    assert_eq!(wait(|| world.mutations.confirm(access(1), 1)), Err(Trouble::NotFound), "another's");
    assert_eq!(wait(|| world.mutations.vouchers(institution(0), 1, 1)).unwrap()[0].confirmed, Some(world.now()));
    assert_eq!(world.vouchers(0)[0], first);
    let trail = wait(|| world.dossiers.audit(Some(institution(0)), None, 0, 100)).unwrap();
    assert_eq!(trail.iter().filter(|line| line.deed == Deed::Confirm).count(), 2);
}

#[test]
fn a_file_goes_when_it_was_confirmed_long_enough_ago_and_its_voucher_stays() {
    let (folder, world) = one_told();
    for n in 0..3 {
        world.set(midnight(n));
        tell(&world);
    }
    world.set(midnight(3));
    world.produce(day_of(3));
    let vouchers = world.vouchers(0);
    for sequence in [1, 2] {
        wait(|| world.mutations.confirm(access(0), sequence)).unwrap();
        world.set(midnight(3) + 1);
    }
    world.set(midnight(3) + KEPT_DAYS * DAY_MS - 1);
    world.produce(day_of(8));
    assert!(world.file(0, 1).is_ok());
    world.set(midnight(3) + KEPT_DAYS * DAY_MS);
    world.produce(day_of(8));
    let clock = Arc::clone(&world.clock);
    drop(world);
    let world = World::at(folder.path(), &clock);
    assert_eq!(wait(|| world.mutations.file(institution(0), 1)), Err(Trouble::NotFound));
    assert!(wait(|| world.mutations.mutations(institution(0), 1)).is_err());
    assert!(world.file(0, 2).is_ok());
    // The third was never confirmed.
    world.set(midnight(400));
    world.produce(day_of(400));
    assert!(world.file(0, 2).is_err() && world.file(0, 3).is_ok());
    let numbers = |vouchers: &[Voucher]| vouchers.iter().map(|one| (one.sequence, one.sha256)).collect::<Vec<_>>();
    assert_eq!(numbers(&world.vouchers(0)), numbers(&vouchers));
    let confirmed: Vec<bool> = world.vouchers(0).iter().map(|voucher| voucher.confirmed.is_some()).collect();
    assert_eq!(confirmed, [true, true, false]);
}

#[test]
fn a_day_whose_making_fails_half_way_goes_on_where_it_stopped() {
    fn failing(head: &Head, mutations: &[Mutation]) -> Vec<u8> {
        assert!(head.sequence < 3, "planned");
        render(head, mutations)
    }
    let (folder, world) = one_told();
    world.tell(vec![(niss(1), day_of(0), Change::Cancelled); 10]);
    world.set(midnight(1));
    let broken = Mutations::open(&world.dossiers, Arc::clone(&world.clock) as _, failing).unwrap();
    assert!(wait(|| broken.produce(day_of(1))).is_err());
    let two = world.vouchers(0);
    assert_eq!(two.len(), 2);
    let clock = Arc::clone(&world.clock);
    drop((world, broken));
    let world = World::at(folder.path(), &clock);
    assert_eq!(world.produce(day_of(1)), 2);
    assert_eq!(world.vouchers(0)[..2], two);
    let counts: Vec<usize> = (1..=4).map(|sequence| world.file(0, sequence).unwrap().len()).collect();
    assert_eq!(counts, [3, 3, 3, 1]);
}
