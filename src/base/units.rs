//! Quantities as people write them: parsing and printing of durations, sizes, counts and rates.

use std::fmt;
use std::time::Duration;

/// What a figure is measured in; decides how it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Nanoseconds.
    Ns,
    /// Bytes.
    Bytes,
    /// Operations or requests a second.
    PerSecond,
    /// Bytes a second.
    BytesPerSecond,
    /// Operations per second of server CPU.
    PerCpuSecond,
    /// One thing against another: no unit.
    Ratio,
    /// A part of a whole, 0 to 1.
    Share,
    /// A number of things.
    Count,
}

/// Why a quantity could not be read. The text names what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct QuantityError(pub String);

fn split_number(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_' | '+' | '-'))).unwrap_or(text.len());
    let number: f64 = text[..end].replace('_', "").parse().ok()?;
    (number.is_finite() && number >= 0.0).then(|| (number, text[end..].trim()))
}

fn scaled(text: &str, scales: &[(&str, f64)], what: &str) -> Result<f64, QuantityError> {
    let bad = || {
        let units: Vec<&str> = scales.iter().map(|(unit, _)| *unit).filter(|unit| !unit.is_empty()).collect();
        QuantityError(format!("`{text}` is not {what}: write a number and one of {}", units.join(", ")))
    };
    let (number, unit) = split_number(text).ok_or_else(bad)?;
    let (_, scale) = scales.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
    Ok(number * scale)
}

/// Reads a duration: a number and `ns`, `us`, `µs`, `ms`, `s`, `min` or `h`.
pub fn parse_duration(text: &str) -> Result<Duration, QuantityError> {
    let scales = [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("min", 60.0), ("h", 3600.0)];
    let seconds = scaled(text, &scales, "a duration")?;
    Duration::try_from_secs_f64(seconds).map_err(|_| QuantityError(format!("`{text}` is too long a duration")))
}

/// Reads a size in bytes: a number and nothing, `B`, `kB`, `MB`, `GB` (decimal) or `KiB`, `MiB`, `GiB` (binary).
pub fn parse_bytes(text: &str) -> Result<u64, QuantityError> {
    let scales =
        [("", 1.0), ("B", 1.0), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("KiB", 1024.0), ("MiB", 1_048_576.0), ("GiB", 1_073_741_824.0)];
    scaled(text, &scales, "a size").map(|bytes| bytes.round() as u64)
}

/// Reads a count: a number and nothing, `k`, `M` or `G`.
pub fn parse_count(text: &str) -> Result<u64, QuantityError> {
    scaled(text, &[("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9)], "a count").map(|count| count.round() as u64)
}

/// Reads a rate per second: a count with or without `/s`.
pub fn parse_rate(text: &str) -> Result<f64, QuantityError> {
    let bare = text.trim().strip_suffix("/s").unwrap_or(text).trim();
    scaled(bare, &[("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9)], "a rate per second")
        .map_err(|_| QuantityError(format!("`{text}` is not a rate: write a number, `k` or `M` if you like, and `/s`")))
}

/// `value` with `digits` significant digits, without exponent, thousands apart by a narrow no-break space.
pub fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor() as i32;
    let decimals = (digits as i32 - 1 - magnitude).max(0) as usize;
    let scale = 10_f64.powi(digits as i32 - 1 - magnitude);
    let rounded = if decimals == 0 { (value * scale).round() / scale } else { value };
    let text = format!("{rounded:.decimals$}");
    group_thousands(&text)
}

fn group_thousands(text: &str) -> String {
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    if digits.len() <= 4 {
        return text.to_owned();
    }
    let mut grouped = String::with_capacity(text.len() + digits.len());
    grouped.push_str(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped.push_str(rest);
    grouped
}

/// The prefix (divisor and text) that suits a figure of this unit and size.
pub fn prefix(value: f64, unit: Unit) -> (f64, &'static str) {
    let steps: &[(f64, &'static str)] = match unit {
        Unit::Ns => &[(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")],
        Unit::Bytes => &[(1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")],
        Unit::BytesPerSecond => &[(1e9, "GB/s"), (1e6, "MB/s"), (1e3, "kB/s"), (1.0, "B/s")],
        Unit::PerSecond => &[(1e6, "M/s"), (1e3, "k/s"), (1.0, "/s")],
        Unit::PerCpuSecond => &[(1e6, "M per CPU-s"), (1e3, "k per CPU-s"), (1.0, "per CPU-s")],
        Unit::Count => &[(1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")],
        Unit::Ratio => &[(1.0, "×")],
        Unit::Share => &[(0.01, "%")],
    };
    let fallback = steps[steps.len() - 1];
    steps.iter().copied().find(|(scale, _)| value.abs() >= *scale).unwrap_or(fallback)
}

/// A figure with three significant digits and its unit, such as `1.24 ms` or `0.41 ×`.
pub fn show(value: f64, unit: Unit) -> String {
    let (scale, name) = prefix(value, unit);
    let digits = if unit == Unit::Ratio && value < 1.0 { 2 } else { 3 };
    format!("{} {name}", significant(value / scale, digits)).trim_end().to_owned()
}

/// A figure with its interval in one unit, such as `1.24 ms (1.10–1.41)`.
pub fn show_interval(value: f64, low: f64, high: f64, unit: Unit) -> String {
    let (scale, name) = prefix(value, unit);
    let digits = if unit == Unit::Ratio && value < 1.0 { 2 } else { 3 };
    let text = |figure: f64| significant(figure / scale, digits);
    format!("{} {name} ({}–{})", text(value), text(low), text(high))
}

/// A duration for people: `12.0 s`, `3 min 05 s`.
pub struct Elapsed(pub Duration);

impl fmt::Display for Elapsed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds < 60.0 {
            write!(out, "{seconds:.1} s")
        } else {
            let whole = seconds.round() as u64;
            write!(out, "{} min {:02} s", whole / 60, whole % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("100 µs"), Ok(Duration::from_micros(100)));
        assert_eq!(parse_bytes("4KiB"), Ok(4096));
        assert_eq!(parse_bytes("300"), Ok(300));
        assert_eq!(parse_count("200k"), Ok(200_000));
        assert_eq!(parse_rate("1.5k/s"), Ok(1500.0));
    }

    #[test]
    fn a_wrong_unit_is_told_with_the_right_ones() {
        let error = parse_duration("5sec").unwrap_err().to_string();
        assert!(error.contains("5sec") && error.contains("ms"), "{error}");
        assert!(parse_duration("-1s").is_err() && parse_bytes("1Gb").is_err() && parse_count("").is_err());
        assert!(parse_rate("5/min").is_err());
    }

    #[test]
    fn prints_significant_digits_and_thousands() {
        assert_eq!(significant(0.41234, 2), "0.41");
        assert_eq!(significant(1_234_567.0, 3), "1\u{202f}230\u{202f}000");
        assert_eq!(show(1_240_000.0, Unit::Ns), "1.24 ms");
        assert_eq!(show(0.85, Unit::Share), "85.0 %");
        assert_eq!(show_interval(0.41, 0.37, 0.46, Unit::Ratio), "0.41 × (0.37–0.46)");
        assert_eq!(Elapsed(Duration::from_secs(185)).to_string(), "3 min 05 s");
    }
}
