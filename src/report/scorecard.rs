//! The scorecard for a terminal: one line a rule, never wider than asked.

use crate::model::criterion::Verdict;
use crate::model::results::{Results, RuleResult};

use super::text;

/// Below this width a rule takes two lines: verdict and title, and below them the figures.
const ONE_LINE_FROM: usize = 84;
const VERDICT: usize = 14;
const GAP: usize = 2;

const BOLD: &str = "1";
const DIM: &str = "2";

struct Pen {
    color: bool,
}

impl Pen {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.color && !text.trim().is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

// The sixteen colours that every terminal has, so that its own theme decides.
const fn code(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Confirmed => "32",
        Verdict::Refuted => "31",
        Verdict::Inconclusive => "33",
        Verdict::NotRun => DIM,
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    let kept = kept.trim_end();
    if width == 0 { String::new() } else { format!("{kept}…") }
}

fn cell(text: &str, width: usize) -> String {
    let text = cut(text, width);
    let room = width - text.chars().count();
    text + &" ".repeat(room)
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(cut(word, width)),
        }
    }
    lines
}

struct Row<'a> {
    rule: &'a RuleResult,
    measured: String,
    asked: String,
}

impl<'a> Row<'a> {
    fn new(rule: &'a RuleResult) -> Self {
        let headline = text::headline(rule);
        Self {
            rule,
            measured: headline.map_or_else(String::new, |judgement| {
                text::bare(&text::measured(&judgement.criterion.test, judgement.estimate)).to_owned()
            }),
            asked: headline.map_or_else(String::new, text::asked_briefly),
        }
    }

    fn verdict(&self, pen: &Pen) -> String {
        let (mark, word) = text::mark_and_word(self.rule);
        pen.paint(code(self.rule.verdict), &cell(&format!("{mark} {word}"), VERDICT))
    }
}

fn column<'a>(texts: impl Iterator<Item = &'a String>, most: usize) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(0).min(most)
}

fn one_line(rows: &[Row], width: usize, pen: &Pen, out: &mut Vec<String>) {
    let measured = column(rows.iter().map(|row| &row.measured), width * 36 / 100);
    // Titles come first; what the rule says gets up to a quarter of the line.
    let rest = width.saturating_sub(VERDICT + measured + 3 * GAP);
    let asks = rows.iter().map(|row| &row.asked);
    let room = rest.saturating_sub(column(asks.clone(), width / 4));
    // A title that is cut says nothing; the id says what to ask `ballpark show` for.
    let titles_fit = column(rows.iter().map(|row| &row.rule.title), usize::MAX) <= room;
    let name = |row: &'_ Row| if titles_fit { row.rule.title.clone() } else { row.rule.id.clone() };
    let names: Vec<String> = rows.iter().map(name).collect();
    let title = column(names.iter(), room);
    let asked = column(asks, rest.saturating_sub(title));
    let gap = " ".repeat(GAP);
    let head = [cell("verdict", VERDICT), cell("rule", title), cell("measured, 95 % interval", measured), cell("the rule says", asked)];
    out.push(pen.paint(DIM, head.join(&gap).trim_end()));
    let mut group = "";
    for (row, name) in rows.iter().zip(&names) {
        if row.rule.group != group {
            group = &row.rule.group;
            out.push(pen.paint(BOLD, &cut(group, width)));
        }
        let cells = [cell(name, title), cell(&row.measured, measured), cell(&row.asked, asked)];
        out.push(format!("{}{gap}{}", row.verdict(pen), cells.join(&gap).trim_end()));
    }
}

fn two_lines(rows: &[Row], width: usize, pen: &Pen, out: &mut Vec<String>) {
    let mut group = "";
    for row in rows {
        if row.rule.group != group {
            group = &row.rule.group;
            out.push(pen.paint(BOLD, &cut(group, width)));
        }
        out.push(format!("{}{}", row.verdict(pen), cut(&row.rule.title, width.saturating_sub(VERDICT))));
        if row.rule.verdict != Verdict::NotRun {
            for (label, figure) in [("measured", &row.measured), ("asked", &row.asked)] {
                out.push(cut(&format!("  {label:<10}{figure}"), width));
            }
        }
    }
}

/// Why rules did not run, each reason once with the rules that it kept.
fn not_run(results: &Results, width: usize, pen: &Pen, out: &mut Vec<String>) {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for rule in results.rules.iter().filter(|rule| rule.verdict == Verdict::NotRun && !rule.judgements.is_empty()) {
        match reasons.iter_mut().find(|(why, _)| *why == rule.why) {
            Some((_, ids)) => ids.push(&rule.id),
            None => reasons.push((&rule.why, vec![&rule.id])),
        }
    }
    for (why, ids) in reasons {
        out.push(String::new());
        out.extend(wrap(&format!("not run: {}", ids.join(", ")), width).into_iter().map(|line| pen.paint(DIM, &line)));
        out.extend(wrap(&text::sentence(why), width.saturating_sub(2)).into_iter().map(|line| format!("  {line}")));
    }
}

/// The scorecard as text of lines of at most `width` columns, with ANSI colours if `color` is set; ends with a line break.
pub fn scorecard(results: &Results, width: usize, color: bool) -> String {
    let pen = Pen { color };
    let width = width.max(VERDICT + 10);
    let rows: Vec<Row> = text::groups(results).into_iter().flat_map(|(_, rules)| rules).map(Row::new).collect();
    let mut out = Vec::new();
    if results.run.partial {
        let text = "This run was interrupted: trials are missing, and verdicts rest on what was finished.";
        out.extend(wrap(text, width).into_iter().map(|line| pen.paint("33", &line)));
        out.push(String::new());
    }
    if width >= ONE_LINE_FROM {
        one_line(&rows, width, &pen, &mut out)
    } else {
        two_lines(&rows, width, &pen, &mut out)
    }
    not_run(results, width, &pen, &mut out);
    out.push(String::new());
    let counts = text::counts(results).into_iter().map(|count| format!("{} {}", count.count, count.word)).collect::<Vec<_>>();
    out.extend(wrap(&format!("{}: {}", text::plural(results.rules.len(), "rule"), counts.join(", ")), width));
    out.push(String::new());
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn no_line_is_wider_than_asked() {
        let results = fixture::results();
        for width in [24, 40, 60, 83, 84, 100, 120, 200] {
            let text = scorecard(&results, width, false);
            assert!(text.lines().all(|line| line.chars().count() <= width), "{width}:\n{text}");
            assert!(results.rules.iter().filter(|rule| rule.verdict == Verdict::Refuted).count() <= text.matches("✗ refuted").count());
        }
    }

    #[test]
    fn color_adds_nothing_but_color() {
        let results = fixture::results();
        let colored = scorecard(&results, 100, true);
        assert!(colored.contains("\x1b[32m"));
        let mut bare = String::new();
        let mut rest = colored.as_str();
        while let Some((before, after)) = rest.split_once("\x1b[") {
            bare.push_str(before);
            rest = after.split_once('m').unwrap().1;
        }
        bare.push_str(rest);
        let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        assert_eq!(trimmed(&bare), trimmed(&scorecard(&results, 100, false)));
    }

    #[test]
    fn snapshot_in_two_widths() {
        insta::assert_snapshot!("scorecard_110", scorecard(&fixture::results(), 110, false));
        insta::assert_snapshot!("scorecard_60", scorecard(&fixture::results(), 60, false));
    }
}
