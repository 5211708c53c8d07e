//! Whether the warm-up may end.

use crate::base::clock::{Nanos, SECOND};

/// Length of a window in ns.
pub(super) const WINDOW: Nanos = 200_000_000;

/// Windows that must agree.
const AGREE: usize = 3;
/// How far apart their rates may lie, as a share of their mean.
const TOLERANCE: f64 = 0.10;
/// Rise over the windows that counts as a trend.
const TREND: f64 = 0.05;

/// What happened in a window of the warm-up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    /// End on the client's clock.
    pub(super) end: Nanos,
    /// Length in ns, above 0.
    pub(super) length: Nanos,
    /// Operations that ended.
    pub(super) ended: u64,
    /// Those of them that did not end `ok`.
    pub(super) errors: u64,
    /// Sum of their service times in ns.
    pub(super) service: Nanos,
}

impl Window {
    pub(super) fn rate_per_s(&self) -> f64 {
        self.ended as f64 * SECOND as f64 / self.length as f64
    }
}

/// Mean rate of the last windows; `None` without any.
pub(super) fn rate_per_s(windows: &[Window]) -> Option<f64> {
    let last = &windows[windows.len().saturating_sub(AGREE)..];
    (!last.is_empty()).then(|| mean(last.iter().map(Window::rate_per_s)))
}

/// Steady: the last three windows' rates agree within 10 %, and speed does not rise any more: neither over these three, nor from the four
/// windows before the last four to those. The speed of a closed loop is its rate; that of an open loop, whose rate is given, the inverse of
/// its mean service time. Both limits are widened by what chance does to counts this small (two standard deviations of a Poisson count).
pub(super) fn is_steady(windows: &[Window], open: bool) -> bool {
    let Some(last) = windows.last_chunk::<AGREE>() else { return false };
    let rates = last.map(|window| window.rate_per_s());
    let ended = mean(last.iter().map(|window| window.ended as f64));
    if ended == 0.0 {
        return false;
    }
    let noise = 2.0 / ended.sqrt();
    let spread = rates.iter().copied().fold(0.0, f64::max) - rates.iter().copied().fold(f64::INFINITY, f64::min);
    if spread > mean(rates.into_iter()) * (TOLERANCE + noise) {
        return false;
    }
    let speed = |window: &Window| {
        if open { window.ended as f64 / window.service.max(1) as f64 } else { window.rate_per_s() }
    };
    let [first, second, third] = last.map(|window| speed(&window));
    if first < second && second < third && third > first * (1.0 + TREND + noise) {
        return false;
    }
    windows.last_chunk::<8>().is_none_or(|eight| {
        let (before, after) = eight.split_at(4);
        mean(after.iter().map(speed)) <= mean(before.iter().map(speed)) * (1.0 + TREND + noise)
    })
}

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    values.clone().sum::<f64>() / values.count().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(ended: &[u64], service_us: &[u64]) -> Vec<Window> {
        let service = |index: usize| service_us[index % service_us.len()] * 1_000;
        let window = |(index, ended): (usize, &u64)| Window {
            end: (index as Nanos + 1) * WINDOW,
            length: WINDOW,
            ended: *ended,
            errors: 0,
            service: ended * service(index),
        };
        ended.iter().enumerate().map(window).collect()
    }

    #[test]
    fn steady_is_three_windows_alike_without_a_rise() {
        let closed = |ended: &[u64]| is_steady(&windows(ended, &[10]), false);
        assert!(!closed(&[100_000, 100_000]));
        assert!(closed(&[100_000, 101_000, 99_000]));
        assert!(!closed(&[100_000, 100_000, 120_000]), "20 % apart");
        assert!(!closed(&[100_000, 104_000, 108_000]), "rises by 8 %");
        assert!(closed(&[108_000, 104_000, 100_000]), "a fall within the tolerance");
        assert!(closed(&[1, 10, 100_000, 101_000, 99_000]), "what lies further back than eight windows does not matter");
        assert!(!closed(&[0, 0, 0]));
    }

    #[test]
    fn a_slow_rise_shows_over_eight_windows() {
        let rise: Vec<u64> = (0..8).map(|index| 100_000 + 2_500 * index).collect();
        assert!(!is_steady(&windows(&rise, &[10]), false));
        let level: Vec<u64> = (0..8).map(|index| 100_000 + 400 * index).collect();
        assert!(is_steady(&windows(&level, &[10]), false));
    }

    #[test]
    fn small_counts_may_differ_by_chance() {
        assert!(is_steady(&windows(&[20, 25, 18], &[10]), false));
        assert!(!is_steady(&windows(&[20, 60, 18], &[10]), false));
    }

    #[test]
    fn an_open_loop_whose_service_time_still_falls_is_not_steady() {
        let counts = [10_000; 3];
        assert!(is_steady(&windows(&counts, &[100]), true));
        assert!(!is_steady(&windows(&counts, &[300, 200, 100]), true));
        assert!(is_steady(&windows(&counts, &[300, 200, 100]), false), "a closed loop shows it in its rate");
    }

    #[test]
    fn the_rate_is_that_of_the_last_three_windows() {
        assert_eq!(rate_per_s(&windows(&[5, 200, 300, 400], &[10])), Some(1_500.0));
        assert_eq!(rate_per_s(&[]), None);
    }
}
