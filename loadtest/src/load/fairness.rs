//! Max-min fair shares: what each would get of a capacity if nobody could have more without another, who has no more, having less.

/// The share of each demand. Who asks for less than an equal part gets all of it; what that leaves is parted among the others.
pub fn max_min(demands: &[f64], capacity: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..demands.len()).collect();
    order.sort_by(|one, other| demands[*one].total_cmp(&demands[*other]));
    let (mut left, mut shares) = (capacity, vec![0.0; demands.len()]);
    for (done, place) in order.iter().enumerate() {
        let equal = left / (demands.len() - done) as f64;
        shares[*place] = demands[*place].min(equal);
        left -= shares[*place];
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_little_gets_it_and_the_others_share_what_is_left() {
        for (demands, capacity, shares) in [
            (vec![1.0, 10.0, 100.0], 31.0, vec![1.0, 10.0, 20.0]),
            (vec![100.0, 1.0, 100.0], 31.0, vec![15.0, 1.0, 15.0]),
            (vec![5.0, 5.0], 100.0, vec![5.0, 5.0]),
            (vec![8.0, 8.0, 8.0, 8.0], 8.0, vec![2.0; 4]),
            (vec![], 8.0, vec![]),
            (vec![3.0], 0.0, vec![0.0]),
        ] {
            assert_eq!(max_min(&demands, capacity), shares, "{demands:?} {capacity}");
        }
    }

    #[test]
    fn nothing_is_given_twice_and_nothing_that_is_wanted_is_kept_back() {
        let mut chance = estafette_loadtest::Chance::new(5);
        for _ in 0..1_000 {
            let demands: Vec<f64> = (0..chance.between(1, 20)).map(|_| chance.unit() * 100.0).collect();
            let capacity = chance.unit() * 1_500.0;
            let shares = max_min(&demands, capacity);
            let (given, wanted) = (shares.iter().sum::<f64>(), demands.iter().sum::<f64>());
            assert!((given - wanted.min(capacity)).abs() < 1e-6);
            // Whoever has less than wanted has as much as anybody.
            let most = shares.iter().copied().fold(0.0, f64::max);
            let is_fair = |(share, demand): (&f64, &f64)| *share > demand - 1e-9 || *share > most - 1e-9;
            assert!(shares.iter().zip(&demands).all(is_fair), "{demands:?} {capacity}");
        }
    }
}
