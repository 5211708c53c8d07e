//! The sentences of verdicts. A sentence is never stronger than its interval.

use super::Band;
use crate::base::units::{Unit, prefix, show, significant};
use crate::model::criterion::{Bound, Direction, Test, Verdict};
use crate::model::metric::Metric;
use crate::model::results::Estimate;
use crate::stats::MIN_ROUNDS;

/// `median response time of plain`; with the kind of operation, `median response time of read with plain`.
pub fn subject(of: Metric, variant: &str) -> String {
    format!("{} {} {variant}", of.title(), preposition(of))
}

/// The word between a metric and its variant: a metric of one kind of operation has an `of` already.
pub const fn preposition(of: Metric) -> &'static str {
    if of.op.is_some() { "with" } else { "of" }
}

/// A plain number, such as a parameter's: no more digits than it needs, four at most.
pub fn plain(value: f64) -> String {
    let text = significant(value, 4);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A stated figure, with the digits that it was stated with: `0.8 ×`.
fn stated(value: f64, unit: Unit) -> String {
    let (scale, name) = prefix(value, unit);
    format!("{} {name}", plain(value / scale)).trim_end().to_owned()
}

/// A stated range: `1–10 k/s`, `100 µs–1 ms`.
fn range(low: f64, high: f64, unit: Unit) -> String {
    let (scale, name) = prefix(high, unit);
    if low == 0.0 || prefix(low, unit).1 == name {
        return format!("{}–{} {name}", plain(low / scale), plain(high / scale)).trim_end().to_owned();
    }
    format!("{}–{}", stated(low, unit), stated(high, unit))
}

/// A figure and its interval, `0.41 ×` and `(95 % 0.37–0.46)`, with digits enough to see on which side of the limits its ends lie.
pub fn measured(estimate: &Estimate, limits: &[f64]) -> (String, String) {
    let (scale, name) = prefix(estimate.value, estimate.unit);
    let text = |value: f64, digits: usize| significant(value / scale, digits);
    let enough = |digits: &usize| {
        let blurred = |end: f64| limits.iter().any(|limit| end != *limit && text(end, *digits) == text(*limit, *digits));
        !blurred(estimate.low) && !blurred(estimate.high)
    };
    let least = if estimate.unit == Unit::Ratio && estimate.value < 1.0 { 2 } else { 3 };
    let digits = (least..6).find(enough).unwrap_or(6);
    let what = if estimate.unit == Unit::Share { "95 % interval" } else { "95 %" };
    let value = format!("{} {name}", text(estimate.value, digits)).trim_end().to_owned();
    (value, format!("({what} {}–{})", text(estimate.low, digits), text(estimate.high, digits)))
}

/// What a test asks, in words.
pub fn asked(test: &Test) -> String {
    let unit = test.metric().unit();
    match test {
        Test::Ratio { bound: Bound::Above(threshold), .. } => format!("above {}", stated(*threshold, Unit::Ratio)),
        Test::Ratio { bound: Bound::Below(threshold), .. } => format!("below {}", stated(*threshold, Unit::Ratio)),
        Test::Ballpark { value, factor, .. } => format!("{} within {} ×", stated(*value, unit), significant(*factor, 3)),
        Test::Range { low, high, .. } => range(*low, *high, unit),
        Test::Monotonic { direction: Direction::Rising, over, .. } => format!("rises with {over}"),
        Test::Monotonic { direction: Direction::Falling, over, .. } => format!("falls with {over}"),
        Test::Crossover { over, first_name, second_name, .. } => format!("{first_name} and {second_name} change places over {over}"),
    }
}

/// The end of a sentence about too few rounds; empty if there are enough.
pub fn too_few(rounds: usize) -> String {
    if rounds < MIN_ROUNDS { format!("; {rounds} valid rounds, a verdict needs {MIN_ROUNDS}") } else { String::new() }
}

/// Where an interval of a ratio lies.
fn side(estimate: &Estimate, limit: f64) -> String {
    let place = if estimate.low > limit {
        "wholly above"
    } else if estimate.high < limit {
        "wholly below"
    } else if estimate.low == limit && estimate.high == limit {
        "exactly"
    } else {
        "on both sides of"
    };
    format!("{place} {}", stated(limit, estimate.unit))
}

/// Why a ratio was judged as it was.
pub fn ratio(of: Metric, names: [&str; 2], estimate: &Estimate, bound: Bound) -> String {
    let (Bound::Above(limit) | Bound::Below(limit)) = bound;
    let (value, interval) = measured(estimate, &[limit]);
    let side = side(estimate, limit);
    format!("{} is {value} that {} {} {interval}, {side}", subject(of, names[0]), preposition(of), names[1])
}

/// Why a level was judged as it was.
pub fn band(of: Metric, variant: &str, estimate: &Estimate, band: &Band, verdict: Verdict) -> String {
    let unit = of.unit();
    let (value, interval) = measured(estimate, &[band.low, band.high]);
    let limits = match band.stated {
        Some(_) => format!("{}–{}", show(band.low, unit), show(band.high, unit)),
        None => range(band.low, band.high, unit),
    };
    let above = estimate.low > band.high;
    let place = match verdict {
        Verdict::Refuted => {
            let far = match band.stated {
                Some(stated_value) => {
                    format!(": {} × the stated {}", significant(estimate.value / stated_value, 2), stated(stated_value, unit))
                }
                None if above => format!(", by a factor of {}", significant(estimate.value / band.high, 3)),
                None if estimate.value > 0.0 => format!(", by a factor of {}", significant(band.low / estimate.value, 3)),
                None => String::new(),
            };
            format!("wholly {} {limits}{far}", if above { "above" } else { "below" })
        }
        _ if estimate.low >= band.low && estimate.high <= band.high => format!("wholly within {limits}"),
        _ if above => format!("wholly above {limits}"),
        _ if estimate.high < band.low => format!("wholly below {limits}"),
        _ => match (estimate.low < band.low, estimate.high > band.high) {
            (true, true) => format!("reaching over both ends of {limits}"),
            (true, false) => format!("on both sides of the lower end of {limits}"),
            _ => format!("on both sides of the upper end of {limits}"),
        },
    };
    format!("{} is {value} {interval}, {place}", subject(of, variant))
}
