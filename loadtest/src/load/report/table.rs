//! The senders of one run or two as a table, with what was wrong below it.

use std::fmt::Write as _;

use super::chart::{escape, number};
use super::{Latency, Report, Sender};

/// The senders of all runs by name, in the order of the first run.
pub fn names<'a>(runs: &[&'a Report]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for sender in runs.iter().flat_map(|run| &run.senders) {
        if !names.contains(&sender.name.as_str()) {
            names.push(&sender.name);
        }
    }
    names
}

/// The sender of this name.
pub fn find<'a>(run: &'a Report, name: &str) -> Option<&'a Sender> {
    run.senders.iter().find(|sender| sender.name == name)
}

/// Writes the table.
pub fn table(out: &mut String, runs: &[&Report]) {
    *out += "<div class=\"wide\"><table><thead><tr><th></th><th colspan=\"5\">Requests</th><th colspan=\"4\">Latency, ms</th>\
             <th colspan=\"4\">Hand-over, ms</th><th colspan=\"2\">Rows</th></tr><tr><th class=\"left\">Sender</th>\
             <th class=\"left\">Lane</th><th>Arrivals</th><th>Right</th><th>Wrong</th><th>Not begun</th>";
    for _ in 0..2 {
        *out += "<th>p50</th><th>p99</th><th>p99.9</th><th>most</th>";
    }
    *out += "<th>Of</th><th>Handed</th></tr></thead><tbody>";
    for name in names(runs) {
        let of: Vec<Option<&Sender>> = runs.iter().map(|run| find(run, name)).collect();
        for (place, sender) in of.iter().enumerate() {
            let Some(sender) = sender else { continue };
            let mark = if runs.len() == 2 { ["A · ", "B · "][place] } else { "" };
            let count = |value: u64| number(value as f64);
            let bad = |value: u64| {
                let class = if value > 0 { " class=\"bad\"" } else { "" };
                format!("<td{class}>{}</td>", count(value))
            };
            let lane = sender.lane.as_deref().unwrap_or("–");
            let _ = write!(
                out,
                "<tr><td>{mark}{}</td><td class=\"left\">{}</td><td>{}</td><td>{}</td>{}{}",
                escape(name),
                escape(lane),
                count(sender.planned),
                count(sender.right),
                bad(sender.wrong),
                bad(sender.not_begun)
            );
            latency_cells(out, sender.latency.as_ref());
            latency_cells(out, sender.handover.as_ref());
            let rows = if sender.rows == 0 { "–".into() } else { count(sender.rows) };
            let handed = if sender.rows == 0 && sender.handed == 0 { "–".into() } else { count(sender.handed) };
            let _ = write!(out, "<td>{rows}</td><td>{handed}</td></tr>");
        }
        if let [Some(one), Some(other)] = of[..] {
            change(out, one, other);
        }
    }
    *out += "</tbody></table></div>";
    outcomes(out, runs);
}

fn latency_cells(out: &mut String, latency: Option<&Latency>) {
    let Some(Latency { p50_ms, p99_ms, p999_ms, max_ms, .. }) = latency else {
        *out += "<td>–</td><td>–</td><td>–</td><td>–</td>";
        return;
    };
    for value in [p50_ms, p99_ms, p999_ms, max_ms] {
        let _ = write!(out, "<td>{}</td>", number(*value));
    }
}

/// What is looked at of a sender.
type Of = fn(&Sender) -> Option<&Latency>;

/// How the second run differs from the first, in percent.
fn change(out: &mut String, one: &Sender, other: &Sender) {
    let differs = |one: f64, other: f64| {
        if one > 0.0 { format!("{:+.0} %", (other / one - 1.0) * 100.0) } else { "–".into() }
    };
    let count = |of: fn(&Sender) -> u64| differs(of(one) as f64, of(other) as f64);
    let time = |of: Of, at: fn(&Latency) -> f64| match (of(one), of(other)) {
        (Some(one), Some(other)) => differs(at(one), at(other)),
        _ => "–".into(),
    };
    *out += "<tr class=\"soft\"><td>B against A</td><td></td>";
    for cell in [count(|one| one.planned), count(|one| one.right), count(|one| one.wrong), count(|one| one.not_begun)] {
        let _ = write!(out, "<td>{cell}</td>");
    }
    let ats: [fn(&Latency) -> f64; 4] = [|one| one.p50_ms, |one| one.p99_ms, |one| one.p999_ms, |one| one.max_ms];
    let ofs: [Of; 2] = [|one| one.latency.as_ref(), |one| one.handover.as_ref()];
    for of in ofs {
        for at in ats {
            let _ = write!(out, "<td>{}</td>", time(of, at));
        }
    }
    let _ = write!(out, "<td>{}</td><td>{}</td></tr>", count(|one| one.rows), count(|one| one.handed));
}

/// What the wrong answers were.
fn outcomes(out: &mut String, runs: &[&Report]) {
    let mut told = Vec::new();
    for (place, run) in runs.iter().enumerate() {
        let mark = if runs.len() == 2 { ["A · ", "B · "][place] } else { "" };
        for sender in run.senders.iter().filter(|sender| sender.wrong > 0) {
            let all: Vec<String> = sender.outcomes.iter().map(|(what, count)| format!("{count} × {what}")).collect();
            told.push(format!("<li>{mark}{}: {}</li>", escape(&sender.name), escape(&all.join(", "))));
        }
    }
    if !told.is_empty() {
        let _ = write!(
            out,
            "<p class=\"soft\">All outcomes of senders with wrong answers:</p><ul class=\"soft\">{}</ul>",
            told.concat()
        );
    }
}
