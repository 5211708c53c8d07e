//! Which existing row an operation touches.

use std::collections::VecDeque;

use super::zipf::{Gray, Zipf};
use crate::base::seed::{Rng, below, mix64, unit};
use crate::model::workload::{Distribution, Keys};

/// New keys whose inserts were acknowledged, oldest first. Only these may be read: a key under way could rightly be missing.
#[derive(Debug, Clone, Default)]
pub struct Acknowledged {
    keys: VecDeque<u64>,
}

impl Acknowledged {
    /// Keys kept at most; older ones are forgotten, and no longer read by `latest` (8 bytes each).
    pub const LIMIT: usize = 1_000_000;

    /// Takes note of a key that now exists.
    pub fn push(&mut self, key: u64) {
        if self.keys.len() == Self::LIMIT {
            self.keys.pop_front();
        }
        self.keys.push_back(key);
    }

    /// Takes the oldest out, to be deleted.
    pub fn take_oldest(&mut self) -> Option<u64> {
        self.keys.pop_front()
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.keys.len() as u64
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key of this age, 0 for the newest.
    fn newest(&self, age: u64) -> Option<u64> {
        let index = self.keys.len().checked_sub(1 + usize::try_from(age).ok()?)?;
        self.keys.get(index).copied()
    }
}

#[derive(Debug, Clone)]
enum Choice {
    Uniform,
    Zipf(Zipf),
    Gray(Gray),
    Latest(Zipf),
    Hotspot { hot: u64, operations: f64 },
    Sequential { next: u64, stride: u64 },
}

/// Draws existing keys.
#[derive(Debug, Clone)]
pub struct KeyChooser {
    count: u64,
    choice: Choice,
    scrambled: bool,
}

impl KeyChooser {
    /// A chooser for one of `workers` workers; only `Sequential` divides the keys among them.
    ///
    /// Gray's method is defined for theta below 1; at 1 and above the exact one takes its place.
    pub fn new(keys: &Keys, worker: u32, workers: u32) -> Self {
        let count = keys.count.max(1);
        let mut scrambled = false;
        let choice = match keys.distribution {
            Distribution::Uniform => Choice::Uniform,
            Distribution::Zipfian { theta, scrambled: strewn, gray } => {
                scrambled = strewn;
                if gray && theta < 1.0 { Choice::Gray(Gray::new(count, theta)) } else { Choice::Zipf(Zipf::new(count, theta)) }
            }
            Distribution::Latest { theta } => Choice::Latest(Zipf::new(count, theta)),
            Distribution::Hotspot { keys, operations } => {
                let hot = (keys * count as f64).round() as u64;
                Choice::Hotspot { hot: hot.clamp(1, count), operations }
            }
            Distribution::Sequential => Choice::Sequential { next: u64::from(worker) % count, stride: u64::from(workers.max(1)) },
        };
        Self { count, choice, scrambled }
    }

    /// An existing key: a loaded one, or with `latest` also one of `acknowledged`.
    #[inline]
    pub fn draw(&mut self, rng: &mut Rng, acknowledged: &Acknowledged) -> u64 {
        let rank = match &mut self.choice {
            Choice::Uniform => return below(rng, self.count),
            Choice::Zipf(zipf) => zipf.rank(rng),
            Choice::Gray(gray) => gray.rank(rng),
            Choice::Latest(zipf) => {
                zipf.resize(self.count + acknowledged.len());
                let age = zipf.rank(rng);
                // Older than every acknowledged insert: a loaded row, of which the last is the newest.
                return acknowledged.newest(age).unwrap_or_else(|| self.count - 1 - (age - acknowledged.len()));
            }
            Choice::Hotspot { hot, operations } => {
                let to_hot = *hot == self.count || unit(rng) < *operations;
                return if to_hot { below(rng, *hot) } else { *hot + below(rng, self.count - *hot) };
            }
            Choice::Sequential { next, stride } => {
                let key = *next;
                *next = (key + *stride) % self.count;
                return key;
            }
        };
        // A hash, not a permutation, as in YCSB: some keys share their popularity's place, others are never drawn.
        if self.scrambled { mix64(rank) % self.count } else { rank }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::seed::Seed;

    fn draws(distribution: Distribution, count: u64, draws: usize, acknowledged: &Acknowledged) -> Vec<u64> {
        let mut chooser = KeyChooser::new(&Keys { count, distribution }, 0, 1);
        let mut rng = Seed(9).rng();
        (0..draws).map(|_| chooser.draw(&mut rng, acknowledged)).collect()
    }

    #[test]
    fn a_hotspot_takes_its_share_and_leaves_the_rest_alike() {
        let keys = draws(Distribution::Hotspot { keys: 0.2, operations: 0.8 }, 1_000, 100_000, &Acknowledged::default());
        let hot = keys.iter().filter(|key| **key < 200).count();
        assert!((79_000..81_000).contains(&hot), "{hot}");
        let upper_half_of_cold = keys.iter().filter(|key| **key >= 600).count();
        assert!((9_500..10_500).contains(&upper_half_of_cold), "{upper_half_of_cold}");
    }

    #[test]
    fn workers_share_a_sequence_without_overlap() {
        let keys = Keys { count: 7, distribution: Distribution::Sequential };
        let (mut a, mut b) = (KeyChooser::new(&keys, 0, 2), KeyChooser::new(&keys, 1, 2));
        let mut rng = Seed(1).rng();
        let none = Acknowledged::default();
        assert_eq!([0; 5].map(|_| a.draw(&mut rng, &none)), [0, 2, 4, 6, 1]);
        assert_eq!([0; 3].map(|_| b.draw(&mut rng, &none)), [1, 3, 5]);
    }

    #[test]
    fn latest_prefers_the_newest_acknowledged_insert() {
        let mut acknowledged = Acknowledged::default();
        let before = draws(Distribution::Latest { theta: 0.99 }, 100, 10_000, &acknowledged);
        let most = |keys: &[u64]| (0..200).max_by_key(|key| keys.iter().filter(|drawn| *drawn == key).count());
        assert_eq!(most(&before), Some(99));
        acknowledged.push(100);
        acknowledged.push(102);
        let after = draws(Distribution::Latest { theta: 0.99 }, 100, 10_000, &acknowledged);
        assert_eq!(most(&after), Some(102));
        assert!(after.contains(&100) && after.contains(&0) && !after.contains(&101));
    }

    #[test]
    fn scrambling_moves_the_popular_keys_and_keeps_their_share() {
        let plain = draws(Distribution::Zipfian { theta: 0.99, scrambled: false, gray: false }, 1_000, 20_000, &Acknowledged::default());
        let strewn = draws(Distribution::Zipfian { theta: 0.99, scrambled: true, gray: false }, 1_000, 20_000, &Acknowledged::default());
        assert!(plain.iter().zip(&strewn).all(|(rank, key)| *key == mix64(*rank) % 1_000));
    }

    proptest! {
        #[test]
        fn only_keys_that_exist_are_drawn(
            count in 1_u64..100_000, theta in 0.0_f64..1.5, share in 0.0_f64..=1.0, inserted in 0_u64..50, which in 0..6_usize,
        ) {
            let distribution = [
                Distribution::Uniform,
                Distribution::Zipfian { theta, scrambled: true, gray: false },
                Distribution::Zipfian { theta, scrambled: false, gray: true },
                Distribution::Latest { theta },
                Distribution::Hotspot { keys: share, operations: share },
                Distribution::Sequential,
            ][which];
            let mut acknowledged = Acknowledged::default();
            (0..inserted).for_each(|index| acknowledged.push(count + 2 * index));
            for key in draws(distribution, count, 200, &acknowledged) {
                let new = key >= count && (key - count) % 2 == 0 && key < count + 2 * inserted;
                let latest = matches!(distribution, Distribution::Latest { .. });
                prop_assert!(key < count || new && latest);
            }
        }
    }
}
