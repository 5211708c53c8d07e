//! The report as a whole: complete, well formed, offline, and the same bytes every time.

use std::collections::BTreeSet;

use super::*;
use crate::model::criterion::Verdict;

fn text(files: &[Artifact], path: &str) -> String {
    let file = files.iter().find(|file| file.path == path).unwrap();
    String::from_utf8(file.bytes.clone()).unwrap()
}

/// Values of an attribute.
fn values<'a>(text: &'a str, attribute: &str) -> Vec<&'a str> {
    text.split(&format!(" {attribute}=\"")).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// Checks that tags nest; style and script hold no markup.
fn assert_nests(text: &str, what: &str) {
    const VOID: [&str; 3] = ["meta", "input", "!DOCTYPE"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, after) = after.split_once('>').unwrap();
        let name = tag.split([' ', '\n']).next().unwrap().trim_end_matches('/');
        rest = after;
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{what}: </{name}> before {}", &after[..after.len().min(120)]);
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
            if matches!(name, "style" | "script") {
                rest = &after[after.find(&format!("</{name}>")).unwrap()..];
            }
        }
    }
    assert_eq!(open, Vec::<&str>::new(), "{what}");
}

#[test]
fn the_same_results_give_the_same_bytes() {
    let results = fixture::results();
    assert_eq!(render(&results).unwrap(), render(&results.clone()).unwrap());
}

#[test]
fn every_rule_that_was_measured_has_its_chart_and_no_other() {
    let results = fixture::results();
    let files = render(&results).unwrap();
    for rule in &results.rules {
        let path = format!("charts/{}.svg", rule.id);
        let measured = rule.judgements.iter().any(|judgement| judgement.verdict != Verdict::NotRun);
        assert_eq!(files.iter().any(|file| file.path == path), measured, "{path}");
    }
    let markdown = text(&files, "report.md");
    let linked: BTreeSet<String> =
        markdown.split("](charts/").skip(1).map(|rest| format!("charts/{}", rest.split(')').next().unwrap())).collect();
    let written: BTreeSet<String> = files.iter().map(|file| file.path.clone()).filter(|path| path.starts_with("charts/")).collect();
    assert_eq!(linked, written);
}

#[test]
fn the_page_is_well_formed_offline_and_its_links_lead_somewhere() {
    let results = fixture::results();
    let page = text(&render(&results).unwrap(), "index.html");
    assert_nests(&page, "index.html");
    let ids = values(&page, "id");
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len(), "an id is there twice");
    for link in values(&page, "href") {
        match link.strip_prefix('#') {
            Some(anchor) => assert!(unique.contains(anchor), "{link}"),
            None => assert!(link.starts_with("trials/"), "{link}"),
        }
    }
    let without_namespace = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!without_namespace.contains("http:") && !without_namespace.contains("https:"));
    assert_eq!(values(&page, "src"), Vec::<&str>::new());
    assert!(page.contains("&#60;script&#62;alert") || page.contains("&lt;script&gt;alert"), "markup in texts is escaped");
    for rule in &results.rules {
        assert!(unique.contains(rule.id.as_str()), "{}", rule.id);
    }
}

#[test]
fn charts_stand_alone_and_name_no_color_that_has_no_role() {
    let results = fixture::results();
    let known: BTreeSet<String> =
        charts::canvas::variables(false).split([':', ';']).filter(|part| part.starts_with('#')).map(str::to_owned).collect();
    for file in render(&results).unwrap().iter().filter(|file| file.path.starts_with("charts/")) {
        let svg = String::from_utf8(file.bytes.clone()).unwrap();
        assert_nests(&svg, &file.path);
        assert!(
            svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ") && svg.contains("prefers-color-scheme"),
            "{}",
            file.path
        );
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", file.path);
        for color in values(&svg, "fill").into_iter().chain(values(&svg, "stroke")).filter(|color| *color != "none") {
            assert!(known.contains(color), "{}: {color}", file.path);
        }
    }
}

#[test]
fn an_id_that_cannot_name_a_file_or_comes_twice_is_refused() {
    let mut results = fixture::results();
    results.rules[1].id = results.rules[0].id.clone();
    assert!(matches!(render(&results), Err(ReportError::Twice { .. })));
    results.rules[1].id = "../x".to_owned();
    assert!(render(&results).unwrap_err().to_string().contains("../x"));
}

#[test]
fn nothing_at_all_is_a_report_too() {
    let mut results = fixture::results();
    results.rules.clear();
    results.stores.clear();
    results.floor = Default::default();
    let files = render(&results).unwrap();
    assert_eq!(files.len(), 3);
    assert_nests(&text(&files, "index.html"), "index.html");
    assert!(scorecard(&results, 80, false).contains("0 rules"));
}

#[test]
fn snapshot_of_the_markdown_and_of_the_page_without_drawings() {
    let files = render(&fixture::results()).unwrap();
    insta::assert_snapshot!("report_md", text(&files, "report.md"));
    // Drawings and style are looked at, not compared; the words and the structure are.
    let mut page = text(&files, "index.html");
    for name in ["svg", "style", "script"] {
        while let Some(start) = page.find(&format!("<{name} ")).or_else(|| page.find(&format!("<{name}>"))) {
            let end = page[start..].find(&format!("</{name}>")).unwrap() + start + name.len() + 3;
            page.replace_range(start..end, &format!("({name})"));
        }
    }
    insta::assert_snapshot!("index_html", page);
}

/// Writes the report of the fixture where `BALLPARK_REPORT_OUT` says, to be looked at.
#[test]
fn written_to_be_looked_at() {
    let Some(out) = std::env::var_os("BALLPARK_REPORT_OUT").map(std::path::PathBuf::from) else { return };
    for file in render(&fixture::results()).unwrap() {
        let path = out.join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &file.bytes).unwrap();
    }
    std::fs::write(out.join("scorecard.txt"), scorecard(&fixture::results(), 110, true)).unwrap();
}
