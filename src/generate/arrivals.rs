//! When the operations of an open loop are due.

use crate::base::clock::{Nanos, SECOND};
use crate::base::seed::{Rng, Seed, unit};
use crate::model::workload::Arrivals;

/// The intended starts of one worker, rising without end.
#[derive(Debug, Clone)]
pub struct Schedule {
    arrivals: Arrivals,
    start: Nanos,
    gap_ns: f64,
    /// Constant: arrivals handed out; from it the next is computed, so that rounding does not add up.
    count: u64,
    /// Distance of the next arrival from the start, in ns.
    offset_ns: f64,
    rng: Rng,
}

impl Schedule {
    /// Arrivals from `start` on, `rate_per_s` (above 0) a second. `shift` (0–1) moves a constant schedule by so much of a gap, so that
    /// several workers take turns.
    pub fn new(arrivals: Arrivals, rate_per_s: f64, start: Nanos, shift: f64, seed: Seed) -> Self {
        let gap_ns = SECOND as f64 / rate_per_s;
        let mut schedule = Self { arrivals, start, gap_ns, count: 0, offset_ns: shift * gap_ns, rng: seed.derive("arrivals").rng() };
        if arrivals == Arrivals::Poisson {
            schedule.offset_ns = schedule.exponential();
        }
        schedule
    }

    /// When the next operation is due.
    #[inline]
    pub fn next_at(&self) -> Nanos {
        let constant = if self.arrivals == Arrivals::Constant { self.count as f64 * self.gap_ns } else { 0.0 };
        self.start + (self.offset_ns + constant) as Nanos
    }

    /// Goes on to the one after.
    #[inline]
    pub fn advance(&mut self) {
        self.count += 1;
        if self.arrivals == Arrivals::Poisson {
            self.offset_ns += self.exponential();
        }
    }

    /// A gap of a Poisson process by inversion; 1 − u is in (0, 1].
    fn exponential(&mut self) -> f64 {
        -(1.0 - unit(&mut self.rng)).ln() * self.gap_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(schedule: &mut Schedule, count: usize) -> Vec<Nanos> {
        (0..count)
            .map(|_| {
                let at = schedule.next_at();
                schedule.advance();
                at
            })
            .collect()
    }

    #[test]
    fn a_constant_schedule_does_not_drift() {
        let mut schedule = Schedule::new(Arrivals::Constant, 3.0, 1_000, 0.0, Seed(1));
        let at = arrivals(&mut schedule, 3_000_001);
        assert_eq!((at[0], at[3], at[3_000_000]), (1_000, SECOND + 1_000, 1_000_000 * SECOND + 1_000));
        let mut shifted = Schedule::new(Arrivals::Constant, 1_000.0, 0, 0.5, Seed(1));
        assert_eq!(arrivals(&mut shifted, 2), [500_000, 1_500_000]);
    }

    #[test]
    fn poisson_counts_have_the_rate_as_mean_and_variance() {
        // 20,000 windows of 10 ms at 1,000/s: mean and variance of the counts are both 10; standard errors 0.022 and 0.1.
        let mut schedule = Schedule::new(Arrivals::Poisson, 1_000.0, 0, 0.0, Seed(7));
        let mut counts = vec![0.0_f64; 20_000];
        loop {
            let window = (schedule.next_at() / 10_000_000) as usize;
            let Some(count) = counts.get_mut(window) else { break };
            *count += 1.0;
            schedule.advance();
        }
        let mean = counts.iter().sum::<f64>() / counts.len() as f64;
        let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / (counts.len() - 1) as f64;
        assert!((mean - 10.0).abs() < 0.1, "{mean}");
        assert!((variance - 10.0).abs() < 0.5, "{variance}");
    }

    #[test]
    fn the_same_seed_gives_the_same_arrivals_and_they_rise() {
        let make = |seed| arrivals(&mut Schedule::new(Arrivals::Poisson, 50_000.0, 5, 0.0, Seed(seed)), 10_000);
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
        assert!(make(1).is_sorted());
    }
}
