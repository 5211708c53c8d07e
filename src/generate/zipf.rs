//! Zipf's law: rank k of n has a probability proportional to k^-theta.

use crate::base::seed::{Rng, unit};

/// Exact Zipf ranks by rejection-inversion (Hörmann and Derflinger, "Rejection-inversion to generate variates from monotone discrete
/// distributions", 1996), for any theta above 0, 1 included. About one uniform number a rank, whatever the number of keys.
#[derive(Debug, Clone)]
pub struct Zipf {
    count: u64,
    theta: f64,
    /// H(1.5) − h(1): the upper end of the area that is drawn from.
    first: f64,
    /// H(n + 0.5): the lower end.
    last: f64,
    /// Ranks this close to their point are accepted without a look at the area.
    accept: f64,
}

impl Zipf {
    /// Ranks of `count` keys (at least 1) with exponent `theta` (at least 0).
    pub fn new(count: u64, theta: f64) -> Self {
        let mut zipf = Self { count: 0, theta, first: 0.0, last: 0.0, accept: 0.0 };
        zipf.first = zipf.area(1.5) - 1.0;
        zipf.accept = 2.0 - zipf.area_inverse(zipf.area(2.5) - zipf.height(2.0));
        zipf.resize(count);
        zipf
    }

    /// Changes the number of keys; cheap, because only the lower end of the area depends on it.
    pub fn resize(&mut self, count: u64) {
        let count = count.max(1);
        if count != self.count {
            self.count = count;
            self.last = self.area(count as f64 + 0.5);
        }
    }

    /// A rank from 0, the most popular, to count − 1.
    #[inline]
    pub fn rank(&self, rng: &mut Rng) -> u64 {
        loop {
            let drawn = self.last + unit(rng) * (self.first - self.last);
            let x = self.area_inverse(drawn);
            let rank = ((x + 0.5) as u64).clamp(1, self.count);
            let k = rank as f64;
            if k - x <= self.accept || drawn >= self.area(k + 0.5) - self.height(k) {
                return rank - 1;
            }
        }
    }

    /// H(x), the integral of x^-theta: (x^(1 − theta) − 1) / (1 − theta), which is ln x at theta 1.
    fn area(&self, x: f64) -> f64 {
        let log = x.ln();
        expm1_over((1.0 - self.theta) * log) * log
    }

    /// h(x) = x^-theta.
    fn height(&self, x: f64) -> f64 {
        (-self.theta * x.ln()).exp()
    }

    fn area_inverse(&self, area: f64) -> f64 {
        // Rounding can push the product below the domain of the logarithm.
        let t = (area * (1.0 - self.theta)).max(-1.0);
        (ln1p_over(t) * area).exp()
    }
}

/// ln(1 + x) / x, continuous at 0.
fn ln1p_over(x: f64) -> f64 {
    if x.abs() > 1e-8 { x.ln_1p() / x } else { 1.0 - x * (0.5 - x * (1.0 / 3.0 - 0.25 * x)) }
}

/// (e^x − 1) / x, continuous at 0.
fn expm1_over(x: f64) -> f64 {
    if x.abs() > 1e-8 { x.exp_m1() / x } else { 1.0 + x * 0.5 * (1.0 + x / 3.0 * (1.0 + 0.25 * x)) }
}

/// The approximation of Gray et al., "Quickly generating billion-record synthetic databases", 1994, as YCSB uses it; theta below 1.
/// Its head is a few per cent too popular: only for comparison with figures of YCSB. Setting it up takes time in proportion to the keys.
#[derive(Debug, Clone)]
pub struct Gray {
    count: u64,
    alpha: f64,
    zeta: f64,
    eta: f64,
    second: f64,
}

impl Gray {
    /// Ranks of `count` keys (at least 1) with exponent `theta` in 0 … 1, 1 excluded.
    pub fn new(count: u64, theta: f64) -> Self {
        let count = count.max(1);
        let zeta: f64 = (1..=count).map(|k| (k as f64).powf(-theta)).sum();
        let second = 1.0 + 0.5_f64.powf(theta);
        let eta = (1.0 - (2.0 / count as f64).powf(1.0 - theta)) / (1.0 - second / zeta);
        Self { count, alpha: 1.0 / (1.0 - theta), zeta, eta, second }
    }

    /// A rank from 0, the most popular, to count − 1.
    #[inline]
    pub fn rank(&self, rng: &mut Rng) -> u64 {
        let u = unit(rng);
        let scaled = u * self.zeta;
        if scaled < 1.0 {
            return 0;
        }
        if scaled < self.second {
            return 1.min(self.count - 1);
        }
        let rank = self.count as f64 * (self.eta * u - self.eta + 1.0).powf(self.alpha);
        (rank as u64).min(self.count - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use statrs::distribution::{ChiSquared, ContinuousCDF};

    use super::*;
    use crate::base::seed::Seed;

    /// Chi-square of drawn ranks against the exact probabilities; ranks beyond the first 200 are pooled in powers of two.
    fn p_value(count: u64, theta: f64, draws: u64, seed: u64) -> f64 {
        let zipf = Zipf::new(count, theta);
        let mut rng = Seed(seed).rng();
        let bin = |rank: u64| if rank < 200 { rank as usize } else { 200 + (rank / 200).ilog2() as usize };
        let bins = bin(count - 1) + 1;
        let mut seen = vec![0_u64; bins];
        let mut expected = vec![0.0; bins];
        for _ in 0..draws {
            seen[bin(zipf.rank(&mut rng))] += 1;
        }
        let zeta: f64 = (1..=count).map(|k| (k as f64).powf(-theta)).sum();
        for rank in 0..count {
            expected[bin(rank)] += draws as f64 * ((rank + 1) as f64).powf(-theta) / zeta;
        }
        assert!(expected.iter().all(|e| *e >= 5.0), "bins too small for the test");
        let chi: f64 = seen.iter().zip(&expected).map(|(s, e)| (*s as f64 - e).powi(2) / e).sum();
        1.0 - ChiSquared::new(bins as f64 - 1.0).unwrap().cdf(chi)
    }

    #[test]
    fn ranks_follow_the_exact_probabilities_for_every_theta() {
        for (index, theta) in [0.2, 0.7, 0.99, 1.0, 1.0 + 1e-9, 1.2, 2.0].into_iter().enumerate() {
            let count = if theta > 1.5 { 300 } else { 10_000 };
            let p = p_value(count, theta, 1_000_000, 11 + index as u64);
            assert!(p > 1e-3, "theta {theta}: p = {p}");
        }
    }

    #[test]
    fn the_test_itself_notices_a_wrong_exponent() {
        let zipf = Zipf::new(1_000, 0.95);
        let mut rng = Seed(3).rng();
        let first = (0..1_000_000).filter(|_| zipf.rank(&mut rng) == 0).count() as f64 / 1e6;
        let zeta: f64 = (1..=1_000).map(|k| f64::from(k).powf(-0.99)).sum();
        assert!((first - 1.0 / zeta).abs() > 5.0 * (1.0 / zeta / 1e6_f64).sqrt());
    }

    #[test]
    fn resizing_is_the_same_as_making_anew() {
        let mut grown = Zipf::new(10, 0.99);
        grown.resize(5_000);
        let fresh = Zipf::new(5_000, 0.99);
        let (mut a, mut b) = (Seed(1).rng(), Seed(1).rng());
        assert!((0..1_000).all(|_| grown.rank(&mut a) == fresh.rank(&mut b)));
    }

    #[test]
    fn gray_gives_the_two_first_ranks_their_exact_share() {
        let gray = Gray::new(10_000, 0.99);
        let zeta: f64 = (1..=10_000).map(|k| f64::from(k).powf(-0.99)).sum();
        let mut rng = Seed(5).rng();
        let mut seen = [0_u32; 2];
        for _ in 0..1_000_000 {
            if let Some(count) = seen.get_mut(gray.rank(&mut rng) as usize) {
                *count += 1;
            }
        }
        for (rank, count) in seen.into_iter().enumerate() {
            let expected = 1e6 * ((rank + 1) as f64).powf(-0.99) / zeta;
            assert!((f64::from(count) - expected).abs() < 5.0 * expected.sqrt(), "rank {rank}: {count} against {expected}");
        }
    }

    proptest! {
        #[test]
        fn every_rank_is_below_the_count(count in 1_u64..1 << 40, theta in 0.0_f64..3.0, seed: u64) {
            let zipf = Zipf::new(count, theta);
            let mut rng = Seed(seed).rng();
            for _ in 0..50 {
                prop_assert!(zipf.rank(&mut rng) < count);
            }
        }

        #[test]
        fn every_rank_of_gray_is_below_the_count(count in 1_u64..2_000, theta in 0.01_f64..0.99, seed: u64) {
            let gray = Gray::new(count, theta);
            let mut rng = Seed(seed).rng();
            for _ in 0..50 {
                prop_assert!(gray.rank(&mut rng) < count);
            }
        }
    }
}
