//! One self-contained HTML page of one run, or of two side by side.
//!
//! Invariant: the page needs nothing else: no script, no font, no address. All that came from a scenario is escaped.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::chart::{Bar, COLOURS, Lines, Series, bars, escape, number};
use super::table::{find, names, table};
use super::{Percentiles, Report, Sender, Share};

const STYLE: &str = include_str!("page.css");

/// The page of one run or of two; with two, the first is what the second is compared with.
pub fn page(runs: &[&Report]) -> String {
    let title = match runs {
        [one, other] if one.name == other.name => format!("{}: two runs", one.name),
        [one, other] => format!("{} beside {}", one.name, other.name),
        _ => runs.iter().map(|run| run.name.as_str()).collect(),
    };
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{0}</title><style>\n{STYLE}</style></head><body><main><h1>{0}</h1>",
        escape(&title)
    );
    header(&mut out, runs);
    out += "<h2>Senders</h2>";
    table(&mut out, runs);
    section(&mut out, "Latency over time", ABOUT_LATENCY, percentiles(runs, "", |sender| &sender.per_second.latency));
    let handed = percentiles(runs, " to the channel", |sender| &sender.per_second.handover);
    section(&mut out, "Hand-over to the channel over time", ABOUT_HANDOVER, handed);
    section(&mut out, "Throughput", ABOUT_THROUGHPUT, throughput(runs));
    section(&mut out, "What waits in the broker", "", waiting(runs));
    section(&mut out, "Fairness between institutions", ABOUT_FAIRNESS, fairness(runs));
    out += "<footer class=\"soft\"><p>Point at a drawing to read the values of a moment.</p>";
    for (place, run) in runs.iter().enumerate().filter(|(_, run)| !run.faults.is_empty()) {
        let _ = write!(out, "<p>{}Dotted vertical lines are faults made on purpose:", letter(runs, place));
        for (number_of, fault) in run.faults.iter().enumerate() {
            let name = if fault.name.is_empty() { "faults change" } else { &fault.name };
            let (at, channel) = (number(fault.at_seconds), escape(&fault.channel));
            let _ = write!(out, "{}{at} s, {channel}: {}", if number_of == 0 { " " } else { "; " }, escape(name));
        }
        out += ".</p>";
    }
    out += "</footer></main></body></html>\n";
    out
}

const ABOUT_LATENCY: &str = "From the moment that a request was meant to begin until its whole answer, of the requests meant to begin in each \
    second: whoever had to wait is counted as having waited. The scale is logarithmic.";
const ABOUT_HANDOVER: &str = "From the moment that a request was meant to begin until the simulated channel had the message, by the channel's clock \
    in whole milliseconds.";
const ABOUT_THROUGHPUT: &str = "Each second, when it happened. A message or row that a channel had twice counts once.";
const ABOUT_FAIRNESS: &str = "What the channels had of each institution while arrivals came, beside its max-min share of what they had of all in that \
    lane under that strategy: nobody could have more without another, who has no more, having less. The band is 5 % around the share.";

fn header(out: &mut String, runs: &[&Report]) {
    for (place, run) in runs.iter().enumerate() {
        let Report { about, seed, began_at, length_seconds, cores, program, name, .. } = run;
        if runs.len() == 2 {
            let _ = write!(out, "<p><strong>{}</strong> {}</p>", if place == 0 { "A:" } else { "B:" }, escape(name));
        }
        let _ = write!(
            out,
            "<p>{}</p><p class=\"soft\">Began {}; arrivals for {} s; seed {seed}; {cores} processors; estafette-loadtest {}.</p>",
            escape(about),
            began_at.strftime("%Y-%m-%d %H:%M:%S UTC"),
            number(*length_seconds),
            escape(program)
        );
    }
    if let [run] = runs {
        tiles(out, run);
    }
    let notes: Vec<(usize, &String)> =
        runs.iter().enumerate().flat_map(|(place, run)| run.notes.iter().map(move |note| (place, note))).collect();
    if !notes.is_empty() {
        *out += "<ul class=\"notes\">";
        for (place, note) in notes {
            let run = ["", "A: ", "B: "][if runs.len() == 2 { place + 1 } else { 0 }];
            let _ = write!(out, "<li>{run}{}</li>", escape(note));
        }
        *out += "</ul>";
    }
}

fn tiles(out: &mut String, run: &Report) {
    let sum = |of: fn(&Sender) -> u64| run.senders.iter().map(of).sum::<u64>();
    let (planned, right, wrong) = (sum(|one| one.planned), sum(|one| one.right), sum(|one| one.wrong));
    let (not_begun, handed) = (sum(|one| one.not_begun), sum(|one| one.handed));
    let peak = totals(&run.senders, |sender| &sender.per_second.handed).into_iter().flatten().fold(0.0, f64::max);
    let count = |value: u64| number(value as f64);
    let tiles = [
        ("Arrivals", count(planned), format!("{} a second in the mean", number(planned as f64 / run.length_seconds))),
        ("Right answers", count(right), format!("{wrong} wrong or failed")),
        ("Not begun", count(not_begun), "too many waited for a place".into()),
        ("Handed to channels", count(handed), format!("{} in the highest second", number(peak))),
    ];
    *out += "<dl class=\"tiles\">";
    for (name, value, more) in tiles {
        let _ = write!(out, "<div class=\"tile\"><dt>{name}</dt><dd>{value}<small>{more}</small></dd></div>");
    }
    *out += "</dl>";
}

fn section(out: &mut String, title: &str, about: &str, figures: Vec<String>) {
    if figures.is_empty() {
        return;
    }
    let _ = write!(out, "<h2>{title}</h2>");
    if !about.is_empty() {
        let _ = write!(out, "<p class=\"soft\">{about}</p>");
    }
    let _ = write!(out, "<div class=\"panels\">{}</div>", figures.concat());
}

/// The letter of a run, where there are two.
fn letter(runs: &[&Report], place: usize) -> &'static str {
    if runs.len() == 2 { ["A ", "B "][place] } else { "" }
}

fn marks(runs: &[&Report]) -> Vec<f64> {
    runs.iter().flat_map(|run| run.faults.iter().map(|fault| fault.at_seconds)).collect()
}

fn seconds(series: &[Series]) -> Vec<f64> {
    let longest = series.iter().map(|series| series.values.len()).max().unwrap_or_default();
    (0..longest).map(|second| second as f64).collect()
}

/// Drawings of one page have the same length and the same marks.
fn over_time(runs: &[&Report], title: &str, unit: &str, at_seconds: Vec<f64>, series: Vec<Series>) -> Lines {
    let seconds = |run: &&Report| run.senders.iter().map(|sender| sender.per_second.arrived.len()).max();
    let last = runs.iter().filter_map(seconds).max().unwrap_or_default() as f64 - 1.0;
    let until = runs.iter().map(|run| run.length_seconds).fold(last, f64::max);
    Lines { title: title.into(), unit: unit.into(), is_log: false, at_seconds, until, series, marks: marks(runs) }
}

fn drawn(lines: Lines) -> Option<String> {
    (!lines.is_empty()).then(|| lines.draw())
}

/// A drawing for each sender.
fn percentiles(runs: &[&Report], what: &str, of: impl Fn(&Sender) -> &Percentiles) -> Vec<String> {
    let one = |name: &str| {
        let mut series = Vec::new();
        for (place, run) in runs.iter().enumerate() {
            let Some(times) = find(run, name).map(&of) else { continue };
            let kinds = [("p50", &times.p50_ms), ("p99", &times.p99_ms), ("most", &times.max_ms)];
            let kinds = &kinds[..if runs.len() == 2 { 2 } else { 3 }];
            for (kind, (called, values)) in kinds.iter().enumerate() {
                let name = format!("{}{called}", letter(runs, place));
                // With two runs a colour is a run; with one it is a percentile.
                let colour = if runs.len() == 2 { place } else { kind };
                let dash = if runs.len() == 2 { 1 - kind } else { [1, 0, 2][kind] };
                series.push(Series { name, colour, dash, values: (*values).clone() });
            }
        }
        let title = format!("{name}{what}");
        let at_seconds = seconds(&series);
        drawn(Lines { is_log: true, ..over_time(runs, &title, "milliseconds", at_seconds, series) })
    };
    names(runs).into_iter().filter_map(one).collect()
}

/// The sum of these senders in each second.
fn totals<'a>(senders: impl IntoIterator<Item = &'a Sender>, of: impl Fn(&Sender) -> &Vec<u64>) -> Vec<Option<f64>> {
    let all: Vec<&Vec<u64>> = senders.into_iter().map(of).collect();
    let longest = all.iter().map(|counts| counts.len()).max().unwrap_or_default();
    let sum = |second| all.iter().filter_map(|counts| counts.get(second)).sum::<u64>();
    (0..longest).map(|second| Some(sum(second) as f64)).collect()
}

fn throughput(runs: &[&Report]) -> Vec<String> {
    type Counts = fn(&Sender) -> &Vec<u64>;
    let kinds: [(&str, Counts); 4] = [
        ("Arrivals", |sender| &sender.per_second.arrived),
        ("Right answers", |sender| &sender.per_second.right),
        ("Wrong answers and failures", |sender| &sender.per_second.wrong),
        ("Handed to channels", |sender| &sender.per_second.handed),
    ];
    let is_busy = |counts: &Vec<u64>| counts.iter().any(|count| *count > 0);
    let draw = |(title, of): (&str, Counts)| {
        let mut series = Vec::new();
        if let [run] = runs {
            let longest = run.senders.iter().map(|sender| of(sender).len()).max().unwrap_or_default();
            // A sender has the same colour in each drawing.
            let (first, rest) = run.senders.split_at(run.senders.len().min(COLOURS - 1));
            for (place, sender) in first.iter().enumerate().filter(|(_, sender)| is_busy(of(sender))) {
                let mut values = totals([sender], of);
                // A sender that is through goes on with nothing.
                values.resize(longest, Some(0.0));
                series.push(Series { name: sender.name.clone(), colour: place, dash: place % 4, values });
            }
            let rest: Vec<&Sender> = rest.iter().filter(|sender| is_busy(of(sender))).collect();
            if !rest.is_empty() {
                let values = totals(rest.iter().copied(), of);
                series.push(Series { name: format!("{} others", rest.len()), colour: COLOURS - 1, dash: 3, values });
            }
        } else {
            for (place, run) in runs.iter().enumerate() {
                let values = totals(&run.senders, of);
                let name = format!("{}all senders", letter(runs, place));
                let is_some = values.iter().flatten().any(|count| *count > 0.0);
                series.extend(is_some.then_some(Series { name, colour: place, dash: place, values }));
            }
        }
        let at_seconds = seconds(&series);
        drawn(over_time(runs, title, "a second", at_seconds, series))
    };
    kinds.into_iter().filter_map(draw).collect()
}

fn waiting(runs: &[&Report]) -> Vec<String> {
    let mut depths = Vec::new();
    let mut memory = Vec::new();
    let mut at_seconds: Vec<f64> = Vec::new();
    for (place, run) in runs.iter().enumerate() {
        if run.queues.at_seconds.len() > at_seconds.len() {
            at_seconds.clone_from(&run.queues.at_seconds);
        }
        let mut lanes: Vec<(String, Vec<u64>)> = Vec::new();
        for queue in &run.queues.series {
            let name = if runs.len() == 2 { "all queues".into() } else { format!("{}, {}", queue.channel, queue.lane) };
            match lanes.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sums)) => sums.iter_mut().zip(&queue.messages).for_each(|(sum, more)| *sum += more),
                None => lanes.push((name, queue.messages.clone())),
            }
        }
        for (kind, (name, sums)) in lanes.into_iter().enumerate() {
            let (name, colour) = (format!("{}{name}", letter(runs, place)), if runs.len() == 2 { place } else { kind });
            let values = sums.into_iter().map(|sum| Some(sum as f64)).collect();
            depths.push(Series { name, colour, dash: colour % 4, values });
        }
        let values: Vec<Option<f64>> = run.memory_mib.iter().copied().map(Some).collect();
        let name = format!("{}resident", letter(runs, place));
        memory.push(Series { name, colour: place, dash: place, values });
    }
    let depth = over_time(runs, "Queue depth", "messages", at_seconds.clone(), depths);
    let memory = over_time(runs, "Memory of the broker", "MiB", at_seconds, memory);
    [depth, memory].into_iter().filter_map(drawn).collect()
}

fn fairness(runs: &[&Report]) -> Vec<String> {
    let place = |share: &Share| (share.lane.clone(), share.strategy.clone());
    let all: BTreeSet<(String, String)> = runs.iter().flat_map(|run| run.fairness.iter().map(place)).collect();
    let one = |wanted: (String, String)| {
        let mut told = Vec::new();
        for (run, report) in runs.iter().enumerate() {
            for share in report.fairness.iter().filter(|share| place(share) == wanted) {
                let Some(percent) = share.percent() else { continue };
                let name = format!("{}{}", letter(runs, run), share.institution);
                let amounts = (number(share.handed as f64), number(share.fair.round()));
                told.push(Bar {
                    name,
                    percent,
                    told: format!("{percent:.1} %: {} of {}", amounts.0, amounts.1),
                    colour: run,
                });
            }
        }
        (!told.is_empty()).then(|| bars(&format!("Lane {}, strategy {}", wanted.0, wanted.1), &told))
    };
    all.into_iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::report::tests::sample;

    #[test]
    fn a_page_needs_nothing_else_and_escapes_what_a_scenario_says() {
        let (one, other) = (sample(3), sample(5));
        for page in [page(&[&one]), page(&[&one, &other])] {
            for outside in ["http://", "https://", "<script", "src=", "@import", "url("] {
                assert!(!page.contains(outside), "{outside}");
            }
            assert!(page.contains("rail &lt;&amp;&gt; &quot;sons&quot;") && !page.contains("rail <&>"));
            assert!(!page.contains("NaN"));
            assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
            assert_eq!(page.matches("<figure>").count(), page.matches("</figure>").count());
        }
    }

    #[test]
    fn one_run_has_each_drawing_and_two_are_in_the_same_ones() {
        let (one, other) = (sample(3), sample(5));
        let alone = page(&[&one]);
        for part in [
            "Latency over time",
            "Hand-over to the channel",
            "Queue depth",
            "Memory of the broker",
            "Lane bulk, strategy sms-only",
            "gateway fails",
        ] {
            assert!(alone.contains(part), "{part}");
        }
        let both = page(&[&one, &other]);
        for part in ["A p99", "B p99", "B against A", "+67 %", "A all queues", "B · post", "A rail", "B rail"] {
            assert!(both.contains(part), "{part}");
        }
        assert!(!both.contains("A most"));
    }

    #[test]
    fn a_sender_that_only_one_run_has_is_there_too() {
        let (one, mut other) = (sample(1), sample(1));
        other.senders[1].name = "newcomer".into();
        let both = page(&[&one, &other]);
        assert!(both.contains("B · newcomer") && both.contains("A · post") && !both.contains("A · newcomer"));
    }
}
