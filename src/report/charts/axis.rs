//! Axes: from figures to pixels, with ticks that are round, few enough, and never overlap.

use super::canvas::text_width;
use crate::base::units::{Unit, prefix, significant};

/// Least room between two labels of ticks, in pixels.
const GAP_PX: f64 = 14.0;

/// How figures are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences are equally long.
    Linear,
    /// Equal ratios are equally long.
    Log,
    /// Percentiles as HdrHistogram shows them: 90, 99, 99.9 … at equal distances.
    Percentile,
}

/// An axis over a range of figures, without a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// How figures are spread.
    pub scale: Scale,
    /// Lower end.
    pub min: f64,
    /// Upper end.
    pub max: f64,
    /// What they are measured in; `None` for plain numbers.
    pub unit: Option<Unit>,
    /// Only these places get ticks, if any are given.
    pub at: Vec<f64>,
}

/// A tick with its label.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// The figure.
    pub value: f64,
    /// Its text.
    pub label: String,
}

impl Axis {
    /// An axis for figures that are compared by ratio: logarithmic around all of `values` that are above zero, at least `least` wide
    /// (a ratio). `None` if none is.
    pub fn log(values: impl IntoIterator<Item = f64>, unit: Option<Unit>, least: f64) -> Option<Axis> {
        let (low, high) = span(values.into_iter().filter(|value| *value > 0.0))?;
        let middle = (low * high).sqrt();
        let (low, high) = if high / low < least { (middle / least.sqrt(), middle * least.sqrt()) } else { (low, high) };
        let room = (high / low).powf(0.06);
        Some(Axis { scale: Scale::Log, min: low / room, max: high * room, unit, at: Vec::new() })
    }

    /// A linear axis from zero to the largest of `values`. `None` if there is none.
    pub fn from_zero(values: impl IntoIterator<Item = f64>, unit: Option<Unit>) -> Option<Axis> {
        let (_, high) = span(values)?;
        let high = if high > 0.0 { high * 1.06 } else { 1.0 };
        Some(Axis { scale: Scale::Linear, min: 0.0, max: high, unit, at: Vec::new() })
    }

    /// An axis for parameters: ticks at the values themselves, logarithmic if they are spread widely.
    pub fn parameters(values: &[f64]) -> Option<Axis> {
        let (low, high) = span(values.iter().copied())?;
        let log = low > 0.0 && high / low >= 16.0;
        let room = if log { (high / low).powf(0.04) } else { ((high - low) * 0.04).max(high.abs() * 1e-6).max(1e-9) };
        let (min, max) = if log { (low / room, high * room) } else { (low - room, high + room) };
        Some(Axis { scale: if log { Scale::Log } else { Scale::Linear }, min, max, unit: None, at: values.to_vec() })
    }

    /// The axis of percentiles up to `last`.
    pub fn percentiles(last: f64) -> Axis {
        let at = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999, 99.9999];
        Axis { scale: Scale::Percentile, min: 0.0, max: last.clamp(90.0, 99.9999), unit: None, at: at.to_vec() }
    }

    fn spread(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Log => value.max(f64::MIN_POSITIVE).ln(),
            Scale::Percentile => -(1.0 - value.min(99.999_99) / 100.0).log10(),
        }
    }

    /// Where `value` lies, 0–1; beyond the ends at the end.
    pub fn part(&self, value: f64) -> f64 {
        let (min, max) = (self.spread(self.min), self.spread(self.max));
        if max > min { ((self.spread(value) - min) / (max - min)).clamp(0.0, 1.0) } else { 0.5 }
    }

    /// Whether one unit suits all ticks, so that it can stand in the title.
    fn one_unit(&self) -> bool {
        self.unit != Some(Unit::Ratio) && !(self.scale == Scale::Log && self.max / self.min > 5e3)
    }

    /// The unit for the title, empty if the ticks carry their own: `µs`.
    pub fn unit_text(&self) -> &'static str {
        match self.unit {
            Some(unit) if self.one_unit() => prefix(self.middle(), unit).1,
            _ => "",
        }
    }

    // The figure whose prefix suits the axis: not its end, so that the ticks are mostly above 1.
    fn middle(&self) -> f64 {
        match self.scale {
            Scale::Log => self.min.powf(0.6) * self.max.powf(0.4),
            _ => self.max * 0.45,
        }
    }

    /// The text of a tick.
    fn label(&self, value: f64) -> String {
        match self.unit {
            None if self.at.is_empty() => plain(value),
            None => exact(value),
            Some(unit) if self.one_unit() => plain(value / prefix(self.middle(), unit).0),
            Some(Unit::Ratio) => format!("{} ×", plain(value)),
            Some(unit) => {
                let (scale, name) = prefix(value * 1.000_001, unit);
                if name.is_empty() { plain(value / scale) } else { format!("{} {name}", plain(value / scale)) }
            }
        }
    }

    /// Ticks for an axis `length` pixels long; `across` if its labels stand side by side, else one above the other.
    pub fn ticks(&self, length: f64, across: bool) -> Vec<Tick> {
        if !self.at.is_empty() {
            return self.thin(self.at.iter().copied().filter(|value| (self.min..=self.max).contains(value)).collect(), length, across);
        }
        let candidates = match self.scale {
            Scale::Log => self.log_candidates(),
            Scale::Linear | Scale::Percentile => [12.0, 8.0, 6.0, 4.0, 3.0].map(|count| nice_steps(self.min, self.max, count)).to_vec(),
        };
        let wanted = if across { 8 } else { 6 };
        let fitting = candidates
            .iter()
            .map(|values| self.labelled(values))
            .find(|ticks| (2..=wanted).contains(&ticks.len()) && self.fits(ticks, length, across));
        fitting.unwrap_or_else(|| self.thin(candidates.last().cloned().unwrap_or_default(), length, across))
    }

    fn labelled(&self, values: &[f64]) -> Vec<Tick> {
        values.iter().map(|value| Tick { value: *value, label: self.label(*value) }).collect()
    }

    // From the densest to the sparsest.
    fn log_candidates(&self) -> Vec<Vec<f64>> {
        let mut all = Vec::new();
        if self.max / self.min < 6.0 {
            all.extend([12.0, 8.0, 6.0, 4.0, 3.0].map(|count| nice_steps(self.min, self.max, count)));
        }
        for mantissas in [&[1.0, 1.5, 2.0, 3.0, 5.0, 7.0][..], &[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]] {
            all.push(decades(self.min, self.max, mantissas, 1));
        }
        for stride in 2..8 {
            all.push(decades(self.min, self.max, &[1.0], stride));
        }
        all
    }

    fn fits(&self, ticks: &[Tick], length: f64, across: bool) -> bool {
        ticks.windows(2).all(|pair| self.apart(&pair[0], &pair[1], length, across))
    }

    fn apart(&self, first: &Tick, second: &Tick, length: f64, across: bool) -> bool {
        let distance = (self.part(second.value) - self.part(first.value)) * length;
        let needed = if across { (text_width(&first.label) + text_width(&second.label)) / 2.0 + GAP_PX } else { 2.0 * GAP_PX };
        distance >= needed
    }

    // Keeps both ends, and between them what does not overlap.
    fn thin(&self, values: Vec<f64>, length: f64, across: bool) -> Vec<Tick> {
        let mut kept: Vec<Tick> = Vec::new();
        let mut ticks = self.labelled(&values);
        let last = ticks.pop();
        for tick in ticks {
            let after_last = kept.last().is_none_or(|before| self.apart(before, &tick, length, across));
            if after_last && last.as_ref().is_none_or(|last| self.apart(&tick, last, length, across)) {
                kept.push(tick);
            }
        }
        kept.extend(last);
        kept
    }
}

fn span(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().filter(|value| value.is_finite()).fold(None, |span, value| match span {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

fn nice_steps(min: f64, max: f64, count: f64) -> Vec<f64> {
    let raw = (max - min) / count;
    if raw.is_nan() || raw <= 0.0 || !raw.is_finite() {
        return Vec::new();
    }
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= raw * 0.999).unwrap_or(raw);
    let (first, last) = ((min / step).ceil() as i64, (max / step).floor() as i64);
    (first..=last).map(|index| index as f64 * step).collect()
}

fn decades(min: f64, max: f64, mantissas: &[f64], stride: i32) -> Vec<f64> {
    let (first, last) = (min.log10().floor() as i32, max.log10().ceil() as i32);
    (first..=last)
        .filter(|exponent| exponent.rem_euclid(stride) == 0)
        .flat_map(|exponent| mantissas.iter().map(move |mantissa| mantissa * 10_f64.powi(exponent)))
        .filter(|value| (min..=max).contains(value))
        .collect()
}

/// A number without zeros at its end: `0.5`, `1.25`, `20 000`.
pub fn plain(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let text = significant(value, 3);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A number with every digit that it was written with.
pub fn exact(value: f64) -> String {
    let text = significant(value, value.abs().max(1.0).log10() as usize + 7);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_lie_within_and_do_not_overlap() {
        for (low, high) in [(0.37, 0.46), (0.9, 1.1), (0.0004, 2_500.0), (1e3, 1e9), (120_000.0, 480_000.0), (0.5, 2.0), (1e-12, 1e12)] {
            for unit in [Unit::Ratio, Unit::Ns, Unit::PerSecond, Unit::Count] {
                let axis = Axis::log([low, high], Some(unit), 1.5).unwrap();
                for length in [200.0, 320.0, 600.0] {
                    let ticks = axis.ticks(length, true);
                    assert!((2..=8).contains(&ticks.len()), "{low} {high} {unit:?}: {ticks:?}");
                    assert!(axis.fits(&ticks, length, true), "{low} {high} {unit:?} {length}: {ticks:?}");
                    assert!(ticks.iter().all(|tick| tick.value >= axis.min && tick.value <= axis.max));
                }
            }
        }
    }

    #[test]
    fn the_unit_stands_in_the_title_unless_the_range_is_too_wide() {
        let axis = Axis::log([200_000.0, 900_000.0], Some(Unit::Ns), 2.0).unwrap();
        assert_eq!(axis.unit_text(), "µs");
        assert!(axis.ticks(600.0, true).iter().any(|tick| tick.label == "500"), "{:?}", axis.ticks(600.0, true));
        let axis = Axis::log([1e3, 1e9], Some(Unit::Ns), 2.0).unwrap();
        assert_eq!(axis.unit_text(), "");
        assert!(axis.ticks(600.0, true).iter().any(|tick| tick.label == "1 ms"), "{:?}", axis.ticks(600.0, true));
    }

    #[test]
    fn a_percentile_axis_gives_each_nine_the_same_room() {
        let axis = Axis::percentiles(99.99);
        let nine = |value: f64| axis.part(value);
        assert!((nine(99.0) - nine(90.0) - (nine(99.9) - nine(99.0))).abs() < 1e-9);
        let labels: Vec<String> = axis.ticks(500.0, true).into_iter().map(|tick| tick.label).collect();
        assert_eq!(labels, ["0", "50", "90", "99", "99.9", "99.99"]);
    }

    #[test]
    fn a_parameter_is_written_as_it_was_set() {
        assert_eq!([0.99, 0.5, 4096.0, 65_536.0, 99.99, 0.0].map(exact), ["0.99", "0.5", "4096", "65\u{202f}536", "99.99", "0"]);
    }

    #[test]
    fn parameters_keep_both_ends() {
        let axis = Axis::parameters(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 100_000.0]).unwrap();
        let ticks = axis.ticks(150.0, true);
        assert_eq!((ticks[0].value, ticks[ticks.len() - 1].value), (1.0, 100_000.0));
        assert!(Axis::log([], None, 2.0).is_none() && Axis::log([0.0, -1.0], None, 2.0).is_none());
        assert_eq!(Axis::from_zero([0.0], None).map(|axis| axis.max), Some(1.0));
    }
}
