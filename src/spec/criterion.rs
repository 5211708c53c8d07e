//! Criteria: the tests, resolved to variants.

use super::Scope;
use super::checks;
use super::error::{SpecError, nearest, suggest};
use super::fields::{Field, Fields};
use super::keys;
use super::tree::{At, Value};
use super::variant::Built;
use crate::base::units::{Unit, parse_bytes, parse_count, parse_duration, parse_rate};
use crate::model::criterion::{Bound, Criterion, Direction, SweepPoint, Test};
use crate::model::metric::Metric;
use crate::model::op::OpKind;

/// Half an order of magnitude on a logarithmic scale: √10.
const FACTOR: f64 = 3.162_277_660_168_379_5;

/// A criterion with its place.
#[derive(Debug)]
pub struct Read {
    /// The criterion.
    pub criterion: Criterion,
    /// Where it begins.
    pub at: At,
}

/// Reads `[criterion]` or `[[criterion]]`.
///
/// # Errors
/// When one is wrong.
pub fn read_all(field: &Field<'_>, variants: &[Built], scope: &Scope<'_>) -> Result<Vec<Read>, SpecError> {
    let items = match field.node.value {
        Value::List(_) => field.list()?,
        Value::Table(_) => vec![field.clone()],
        _ => return Err(field.wrong_type("a table `[criterion]`, or several `[[criterion]]`")),
    };
    items.iter().map(|item| Reader { variants, scope }.read(item)).collect()
}

struct Reader<'a> {
    variants: &'a [Built],
    scope: &'a Scope<'a>,
}

impl Reader<'_> {
    fn read(&self, field: &Field<'_>) -> Result<Read, SpecError> {
        let fields = field.table(keys::CRITERION)?;
        let name = fields.get("name").map(|name| name.words()).transpose()?;
        let (kind, inner) = fields.one_of(&keys::CRITERION[1..])?;
        // Messages are shorter, and no less clear, without the prefix `criterion.`.
        let inner = Field { path: kind.to_owned(), ..inner };
        let test = match kind {
            "ratio" => self.ratio(&inner.table(keys::RATIO)?)?,
            "ballpark" => self.ballpark(&inner.table(keys::BALLPARK)?)?,
            "range" => self.range(&inner.table(keys::RANGE)?)?,
            "monotonic" => self.monotonic(&inner.table(keys::MONOTONIC)?)?,
            _ => self.crossover(&inner.table(keys::CROSSOVER)?)?,
        };
        let name = name.unwrap_or_else(|| test.metric().title());
        Ok(Read { criterion: Criterion { name, test }, at: field.node.at.clone() })
    }

    fn ratio(&self, fields: &Fields<'_>) -> Result<Test, SpecError> {
        let of = metric(fields)?;
        let variant = self.one(&fields.need("variant", "\"NAME\"")?, &of)?;
        let field = fields.need("against", "\"NAME\"")?;
        let against = self.one(&field, &of)?;
        if variant == against {
            return Err(field.fail(format!("`{against}` is compared with itself"), "name another variant"));
        }
        let bound = match (fields.get("above"), fields.get("below")) {
            (Some(above), None) => Bound::Above(above.positive()?),
            (None, Some(below)) => Bound::Below(below.positive()?),
            (Some(_), Some(below)) => return Err(below.fail_key("`below` cannot stand beside `above` in ratio", "keep one of them")),
            (None, None) => return Err(fields.fail("a ratio needs `above` or `below`", "add `above = 1.1`")),
        };
        Ok(Test::Ratio { of: of.metric, variant, against, bound })
    }

    fn ballpark(&self, fields: &Fields<'_>) -> Result<Test, SpecError> {
        let of = metric(fields)?;
        let variant = self.one(&fields.need("variant", "\"NAME\"")?, &of)?;
        let value = figure(&fields.need("value", "\"100us\"")?, of.metric)?;
        let factor = match fields.get("factor") {
            Some(field) => match field.number()? {
                factor if factor > 1.0 => factor,
                factor => return Err(field.fail(format!("`{}` is {factor}", field.path), "expected a factor above 1")),
            },
            None => FACTOR,
        };
        Ok(Test::Ballpark { of: of.metric, variant, value, factor })
    }

    fn range(&self, fields: &Fields<'_>) -> Result<Test, SpecError> {
        let of = metric(fields)?;
        let variant = self.one(&fields.need("variant", "\"NAME\"")?, &of)?;
        let low = figure(&fields.need("low", "\"100us\"")?, of.metric)?;
        let field = fields.need("high", "\"1ms\"")?;
        let high = figure(&field, of.metric)?;
        if low >= high {
            return Err(field.fail("range.high is not above range.low", "exchange them, or widen the range"));
        }
        Ok(Test::Range { of: of.metric, variant, low, high })
    }

    fn monotonic(&self, fields: &Fields<'_>) -> Result<Test, SpecError> {
        let of = metric(fields)?;
        let curve = self.curve(&fields.need("over", "\"NAME of a swept variant\"")?, &of)?;
        let directions = [("rising", Direction::Rising), ("falling", Direction::Falling)];
        let direction = fields.need("direction", "\"rising\"")?.choice(&directions)?;
        Ok(Test::Monotonic { of: of.metric, over: curve.path, points: curve.points, direction })
    }

    fn crossover(&self, fields: &Fields<'_>) -> Result<Test, SpecError> {
        let of = metric(fields)?;
        let first = self.curve(&fields.need("first", "\"NAME of a swept variant\"")?, &of)?;
        let field = fields.need("second", "\"NAME of another swept variant\"")?;
        let second = self.curve(&field, &of)?;
        if first.base == second.base {
            return Err(field.fail(format!("`{}` cannot cross itself", second.base), "name another variant"));
        }
        let axis = |curve: &Curve| curve.points.iter().map(|point| point.x).collect::<Vec<f64>>();
        if first.path != second.path || axis(&first) != axis(&second) {
            let text = format!("`{}` and `{}` are not swept over the same values of the same path", first.base, second.base);
            return Err(field.fail(text, format!("give both the same `sweep`, such as that over {}", first.path)));
        }
        Ok(Test::Crossover {
            of: of.metric,
            over: first.path,
            first_name: first.title,
            first: first.points,
            second_name: second.title,
            second: second.points,
        })
    }

    /// The name of one variant that gives the metric.
    fn one(&self, field: &Field<'_>, of: &Of<'_>) -> Result<String, SpecError> {
        let name = field.text()?;
        if let Some(built) = self.variants.iter().find(|built| built.variant.name == name) {
            self.gives(built, of)?;
            return Ok(name.to_owned());
        }
        if let Some(swept) = self.variants.iter().find(|built| built.base == name) {
            let help = format!("name one of its points, such as `{}`", swept.variant.name);
            return Err(field.fail(format!("variant `{name}` is swept"), help));
        }
        let names: Vec<&str> = self.variants.iter().map(|built| built.variant.name.as_str()).collect();
        Err(field.fail(format!("unknown variant `{name}`"), suggest(name, &names)))
    }

    /// The points of a swept variant in the order of the parameter.
    fn curve(&self, field: &Field<'_>, of: &Of<'_>) -> Result<Curve, SpecError> {
        let name = field.text()?;
        let mut points: Vec<&Built> = self.variants.iter().filter(|built| built.base == name).collect();
        let Some(first) = points.first() else {
            let mut names: Vec<&str> = self.variants.iter().map(|built| built.base.as_str()).collect();
            names.dedup();
            return Err(field.fail(format!("unknown variant `{name}`"), suggest(name, &names)));
        };
        let Some(path) = first.swept.clone() else {
            return Err(
                field.fail(format!("variant `{name}` is not swept"), "give it a `sweep`, such as { \"schema.indexes\" = [0, 1, 3] }")
            );
        };
        if points.len() < 2 {
            return Err(field.fail(format!("variant `{name}` is swept over one value only"), "give its sweep two or more"));
        }
        let title = first.title.clone();
        for built in &points {
            self.gives(built, of)?;
        }
        points.sort_by(|a, b| a.variant.parameter.unwrap_or(0.0).total_cmp(&b.variant.parameter.unwrap_or(0.0)));
        let point = |built: &&Built| SweepPoint { variant: built.variant.name.clone(), x: built.variant.parameter.unwrap_or(0.0) };
        Ok(Curve { base: name.to_owned(), title, path, points: points.iter().map(point).collect() })
    }

    fn gives(&self, built: &Built, of: &Of<'_>) -> Result<(), SpecError> {
        let mut why = checks::metric(of.metric, &built.variant);
        if built.dropped.is_none() {
            why = why.or_else(|| checks::percentile(of.metric, &built.variant, self.scope));
        }
        why.map_or(Ok(()), |(text, help)| Err(of.field.fail(text, help)))
    }
}

struct Curve {
    base: String,
    title: String,
    path: String,
    points: Vec<SweepPoint>,
}

struct Of<'t> {
    metric: Metric,
    field: Field<'t>,
}

fn metric<'t>(fields: &Fields<'t>) -> Result<Of<'t>, SpecError> {
    let field = fields.need("of", "\"response.p50\"")?;
    let text = field.text()?;
    if let Ok(metric) = text.parse() {
        return Ok(Of { metric, field });
    }
    let mut names = Metric::names();
    if let Some(kind) = text.split_once('.').and_then(|(head, _)| nearest(head, OpKind::ALL.map(OpKind::name))) {
        let restricted = |name: &&String| name.starts_with("response") || name.starts_with("service") || *name == "throughput";
        names = names.iter().filter(restricted).map(|name| format!("{kind}.{name}")).chain(names.clone()).collect();
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Err(field.fail(format!("unknown metric `{text}`"), suggest(text, &names)))
}

/// A figure in the metric's base unit: a number, or a text with a unit.
fn figure(field: &Field<'_>, metric: Metric) -> Result<f64, SpecError> {
    let Value::Text(text) = &field.node.value else {
        return match field.node.value {
            Value::Integer(_) | Value::Float(_) => field.positive(),
            _ => Err(field.wrong_type("a number, or a text with a unit")),
        };
    };
    let read = match metric.unit() {
        Unit::Ns => parse_duration(text).map(|duration| duration.as_nanos() as f64),
        Unit::Bytes => parse_bytes(text).map(|bytes| bytes as f64),
        Unit::BytesPerSecond => match text.trim().strip_suffix("/s") {
            Some(bytes) => parse_bytes(bytes).map(|bytes| bytes as f64),
            None => return Err(field.fail(format!("`{}`: `{text}` is not a bandwidth", field.path), "write such as \"500MB/s\"")),
        },
        Unit::PerSecond | Unit::PerCpuSecond => parse_rate(text),
        Unit::Count => parse_count(text).map(|count| count as f64),
        Unit::Share | Unit::Ratio => {
            let percent = text.trim().strip_suffix('%').filter(|_| metric.unit() == Unit::Share);
            return match percent.and_then(|percent| percent.trim().parse::<f64>().ok()).filter(|percent| *percent > 0.0) {
                Some(percent) => Ok(percent / 100.0),
                None => Err(field.wrong_type("a number without a unit")),
            };
        }
    };
    match read {
        Ok(value) if value > 0.0 => Ok(value),
        Ok(_) => Err(field.fail(format!("`{}` is 0", field.path), "expected a figure above 0")),
        Err(error) => Err(field.fail(format!("`{}`: {error}, for the metric `{metric}`", field.path), "")),
    }
}
