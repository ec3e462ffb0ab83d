//! Drawings as inline SVG: lines over time, and shares beside a line at 100 %.
//!
//! Invariant: colours come from the page's classes, so that light, dark and print have their own; a series differs from the others by its
//! dashes too. Nothing is written over anything else: names stand in a legend, and every moment tells its values when it is pointed at.

use std::fmt::Write as _;

/// The width of a drawing, in its own units; the page scales it.
const WIDTH: f64 = 680.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 40.0;
/// Moments that are drawn at most; of a longer run several seconds are one, and the highest of them counts.
const MOMENTS: usize = 300;
/// Series that have a colour of their own.
pub const COLOURS: usize = 8;

/// A line.
pub struct Series {
    /// What it is.
    pub name: String,
    /// Its colour, by number.
    pub colour: usize,
    /// Its dashes, by number: 0 is solid.
    pub dash: usize,
    /// A value for each moment; none breaks the line.
    pub values: Vec<Option<f64>>,
}

/// Lines over time.
pub struct Lines {
    /// What is drawn.
    pub title: String,
    /// What the height is, with its unit.
    pub unit: String,
    /// Whether each step upward is a multiple.
    pub is_log: bool,
    /// The moments, in seconds.
    pub at_seconds: Vec<f64>,
    /// Where the drawing ends at the earliest, in seconds: drawings of one page have the same length.
    pub until: f64,
    /// The lines.
    pub series: Vec<Series>,
    /// Moments at which something changed.
    pub marks: Vec<f64>,
}

/// Text as it may stand in HTML and SVG.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            letter => safe.push(letter),
        }
    }
    safe
}

/// A number as people read it: thousands apart, and no more digits than mean something.
pub fn number(value: f64) -> String {
    let size = value.abs();
    let decimals = match size {
        0.0 => 0,
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut apart = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            apart.push(',');
        }
        apart.push(digit);
    }
    let part = part.trim_end_matches('0');
    if part.is_empty() { format!("{sign}{apart}") } else { format!("{sign}{apart}.{part}") }
}

/// Steps of 1, 2 or 5 times a power of ten from 0 to at least `most`, about five of them.
fn even_ticks(most: f64) -> Vec<f64> {
    let rough = (most / 5.0).max(1e-9);
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= rough * 0.999);
    let step = step.unwrap_or(power * 10.0);
    let count = (most / step * 0.999).ceil().max(1.0) as u32;
    (0..=count).map(|index| f64::from(index) * step).collect()
}

/// Powers of ten around the values; between them 2 and 5 where there are few.
fn log_ticks(least: f64, most: f64) -> Vec<f64> {
    let (low, high) = (least.log10().floor() as i32, (most * 0.999).log10().ceil() as i32);
    let high = high.max(low + 1);
    let steps: &[f64] = if high - low <= 2 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let mut ticks: Vec<f64> =
        (low..high).flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power))).collect();
    ticks.push(10_f64.powi(high));
    ticks
}

impl Lines {
    /// Whether there is nothing to draw: a value at one moment is no line.
    pub fn is_empty(&self) -> bool {
        let is_known =
            |place: &usize| self.series.iter().any(|series| matches!(series.values.get(*place), Some(Some(_))));
        (0..self.at_seconds.len()).filter(is_known).count() < 2
    }

    /// Fewer moments, each with the highest of its values.
    fn thinned(&self) -> (Vec<f64>, Vec<Vec<Option<f64>>>) {
        let longest = self.series.iter().map(|series| series.values.len()).max().unwrap_or_default();
        let count = self.at_seconds.len().min(longest);
        let size = count.div_ceil(MOMENTS).max(1);
        let at = self.at_seconds[..count].chunks(size).map(|some| some[0]).collect();
        let highest = |some: &[Option<f64>]| some.iter().flatten().copied().reduce(f64::max);
        let thin = |series: &Series| {
            (0..count)
                .step_by(size)
                .map(|from| {
                    let end = (from + size).min(series.values.len());
                    highest(series.values.get(from..end).unwrap_or_default())
                })
                .collect()
        };
        (at, self.series.iter().map(thin).collect())
    }

    /// The drawing with its title and legend, as a figure.
    pub fn draw(&self) -> String {
        let (at, values) = self.thinned();
        let known = || values.iter().flatten().flatten().copied();
        let most = known().fold(0.0, f64::max).max(if self.is_log { 0.002 } else { 1.0 });
        let least = known().filter(|value| *value > 0.0).fold(most, f64::min).max(0.001);
        let is_log = self.is_log && known().any(|value| value > 0.0);
        let ticks = if is_log { log_ticks(least, most) } else { even_ticks(most) };
        let (bottom, top) = (ticks[0], ticks[ticks.len() - 1]);
        let span = at.last().copied().unwrap_or_default().max(self.until).max(1.0);
        let x = |second: f64| LEFT + second / span * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| {
            let share = if is_log {
                (value.max(bottom).log10() - bottom.log10()) / (top.log10() - bottom.log10())
            } else {
                value / top
            };
            HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
        };
        let mut out = self.head();
        for tick in &ticks {
            let (at, end, text) = (y(*tick), WIDTH - RIGHT, number(*tick));
            let _ = write!(
                out,
                r#"<line class="grid" x1="{LEFT}" x2="{end}" y1="{at:.1}" y2="{at:.1}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{text}</text>"#,
                LEFT - 6.0,
                at + 4.0
            );
        }
        let (floor, under) = (HEIGHT - BOTTOM, HEIGHT - BOTTOM + 16.0);
        for tick in even_ticks(span).into_iter().filter(|tick| *tick <= span * 1.0001) {
            let (at, text) = (x(tick), number(tick));
            let _ = write!(
                out,
                r#"<line class="axis" x1="{at:.1}" x2="{at:.1}" y1="{floor}" y2="{:.1}"/><text x="{at:.1}" y="{under:.1}" text-anchor="middle">{text}</text>"#,
                floor + 4.0
            );
        }
        for mark in self.marks.iter().filter(|mark| **mark <= span) {
            let at = x(*mark);
            let _ = write!(out, r#"<line class="mark" x1="{at:.1}" x2="{at:.1}" y1="{TOP}" y2="{floor}"/>"#);
        }
        let end = WIDTH - RIGHT;
        let _ = write!(out, r#"<line class="axis" x1="{LEFT}" x2="{end}" y1="{floor}" y2="{floor}"/>"#);
        for (series, values) in self.series.iter().zip(&values) {
            let (path, lone) = path(&at, values, x, y);
            let (colour, dash) = (series.colour % COLOURS, series.dash % 4);
            let _ = write!(out, r#"<path class="line c{colour} d{dash}" d="{path}"/>"#);
            for (x, y) in lone {
                let _ = write!(out, r#"<circle class="dot c{colour}" cx="{x:.1}" cy="{y:.1}" r="2.2"/>"#);
            }
        }
        let apart = at.windows(2).next().map_or(1.0, |pair| pair[1] - pair[0]);
        let width = apart / span * (WIDTH - LEFT - RIGHT);
        for (place, second) in at.iter().enumerate() {
            let mut told = format!("{} s", number(*second));
            for (series, values) in self.series.iter().zip(&values) {
                if let Some(value) = values[place] {
                    let _ = write!(told, "\n{}: {}", escape(&series.name), number(value));
                }
            }
            let (from, tall) = (x(*second) - width / 2.0, HEIGHT - TOP - BOTTOM);
            let _ = write!(
                out,
                r#"<rect class="here" x="{from:.1}" y="{TOP}" width="{width:.1}" height="{tall}"><title>{told}</title></rect>"#
            );
        }
        out + "</svg></figure>"
    }

    fn head(&self) -> String {
        let (title, unit) = (escape(&self.title), escape(&self.unit));
        let mut out = format!("<figure><figcaption>{title}</figcaption><ul class=\"legend\">");
        for series in &self.series {
            let (colour, dash, name) = (series.colour % COLOURS, series.dash % 4, escape(&series.name));
            let _ = write!(
                out,
                r#"<li><svg class="key" viewBox="0 0 28 8" aria-hidden="true"><path class="line c{colour} d{dash}" d="M0 4H28"/></svg>{name}</li>"#
            );
        }
        let (middle, low) = (LEFT + (WIDTH - LEFT - RIGHT) / 2.0, HEIGHT - 6.0);
        let _ = write!(
            out,
            r#"</ul><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}"><text class="title" x="4" y="12">{unit}</text><text class="title" x="{middle}" y="{low}" text-anchor="middle">seconds after the first arrival</text>"#
        );
        out
    }
}

/// The path of a line, and the values that stand alone, of which there is no line.
fn path(
    at: &[f64],
    values: &[Option<f64>],
    x: impl Fn(f64) -> f64,
    y: impl Fn(f64) -> f64,
) -> (String, Vec<(f64, f64)>) {
    let (mut path, mut lone) = (String::new(), Vec::new());
    let is_known = |place: usize| values.get(place).is_some_and(Option::is_some);
    for (place, (second, value)) in at.iter().zip(values).enumerate() {
        let Some(value) = value else { continue };
        let (x, y) = (x(*second), y(*value));
        let goes_on = place > 0 && is_known(place - 1);
        let _ = write!(path, "{}{x:.1} {y:.1}", if goes_on { 'L' } else { 'M' });
        if !goes_on && !is_known(place + 1) {
            lone.push((x, y));
        }
    }
    (path, lone)
}

/// A part of a whole beside what it was to be.
pub struct Bar {
    /// Whose.
    pub name: String,
    /// Percent of what it was to be.
    pub percent: f64,
    /// What is written beside it.
    pub told: String,
    /// Its colour, by number.
    pub colour: usize,
}

/// Bars beside a line at 100 %, with a band of 5 % around it.
pub fn bars(title: &str, bars: &[Bar]) -> String {
    const ROW: f64 = 24.0;
    const NAME: f64 = 150.0;
    const TOLD: f64 = 190.0;
    let most = bars.iter().map(|bar| bar.percent).fold(110.0, f64::max);
    let ticks = even_ticks(most);
    let top = ticks[ticks.len() - 1];
    let x = |percent: f64| NAME + percent / top * (WIDTH - NAME - TOLD);
    let floor = 12.0 + ROW * bars.len() as f64;
    let height = floor + 40.0;
    let safe = escape(title);
    let mut out = format!(
        r#"<figure><figcaption>{safe}</figcaption><svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{safe}"><rect class="band" x="{:.1}" y="4" width="{:.1}" height="{:.1}"/>"#,
        x(95.0),
        x(105.0) - x(95.0),
        floor - 4.0
    );
    for tick in &ticks {
        let (at, under) = (x(*tick), floor + 16.0);
        let _ = write!(
            out,
            r#"<line class="grid" x1="{at:.1}" x2="{at:.1}" y1="4" y2="{floor}"/><text x="{at:.1}" y="{under}" text-anchor="middle">{}</text>"#,
            number(*tick)
        );
    }
    let hundred = x(100.0);
    let _ = write!(out, r#"<line class="mark" x1="{hundred:.1}" x2="{hundred:.1}" y1="4" y2="{floor}"/>"#);
    for (place, bar) in bars.iter().enumerate() {
        let (y, colour) = (12.0 + ROW * place as f64, bar.colour % COLOURS);
        let (line, name, told) = (y + 12.0, escape(&short(&bar.name, 24)), escape(&bar.told));
        let _ = write!(
            out,
            r#"<text x="{:.1}" y="{line}" text-anchor="end">{name}</text><rect class="bar f{colour}" x="{NAME}" y="{y}" width="{:.1}" height="16" rx="2"><title>{}: {told}</title></rect><text x="{:.1}" y="{line}">{told}</text>"#,
            NAME - 8.0,
            x(bar.percent) - NAME,
            escape(&bar.name),
            WIDTH - TOLD + 8.0
        );
    }
    let (middle, low) = (NAME + (WIDTH - NAME - TOLD) / 2.0, height - 6.0);
    let _ = write!(
        out,
        r#"<text class="title" x="{middle}" y="{low}" text-anchor="middle">percent of the max-min fair share</text></svg></figure>"#
    );
    out
}

/// A name that fits.
fn short(name: &str, letters: usize) -> String {
    if name.chars().count() <= letters {
        return name.to_owned();
    }
    name.chars().take(letters - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(values: Vec<Option<f64>>, is_log: bool) -> Lines {
        let at_seconds = (0..values.len()).map(|second| second as f64).collect();
        let series = vec![Series { name: "a<b".into(), colour: 1, dash: 2, values }];
        Lines { title: "T & t".into(), unit: "ms".into(), is_log, at_seconds, until: 2.0, series, marks: vec![1.0] }
    }

    #[test]
    fn ticks_cover_all_values_and_are_few() {
        for most in [0.003, 0.9, 1.0, 7.3, 10.0, 99.0, 1_001.0, 5e6] {
            let ticks = even_ticks(most);
            assert!(ticks[0] == 0.0 && ticks[ticks.len() - 1] >= most * 0.999, "{most} {ticks:?}");
            assert!((2..=7).contains(&ticks.len()), "{most} {ticks:?}");
            let ticks = log_ticks(most / 300.0, most);
            assert!(ticks[0] <= most / 300.0 * 1.001 && ticks[ticks.len() - 1] >= most * 0.999, "{most} {ticks:?}");
            assert!(ticks.is_sorted() && ticks.len() <= 12, "{most} {ticks:?}");
        }
    }

    #[test]
    fn numbers_are_written_for_people() {
        let written = [0.0, 0.0123, 0.5, 12.345, 999.6, 1_234_567.0, -1_000.0].map(number);
        assert_eq!(written, ["0", "0.012", "0.5", "12.3", "1,000", "1,234,567", "-1,000"]);
    }

    #[test]
    fn a_gap_breaks_the_line_and_a_lone_value_is_a_dot() {
        let drawn = lines(vec![Some(1.0), Some(2.0), None, Some(4.0), None, Some(1.0), Some(1.0)], false).draw();
        let path = drawn.split("d=\"M").nth(2).unwrap().split('"').next().unwrap();
        assert_eq!((path.matches('L').count(), path.matches('M').count()), (2, 2), "{path}");
        assert_eq!(drawn.matches("<circle").count(), 1);
    }

    #[test]
    fn everything_stays_inside_and_foreign_text_stays_text() {
        for is_log in [false, true] {
            let drawn = lines(vec![Some(0.0), Some(0.004), Some(80_000.0), None, Some(3.0)], is_log).draw();
            assert!(
                drawn.contains("T &amp; t")
                    && drawn.contains("a&lt;b")
                    && !drawn.contains("NaN")
                    && !drawn.contains("inf")
            );
            let path = drawn.split("<path").nth(2).unwrap().split("d=\"").nth(1).unwrap().split('"').next().unwrap();
            for point in path.split(['M', 'L']).filter(|point| !point.is_empty()) {
                let (x, y) = point.split_once(' ').unwrap();
                let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                assert!(
                    (LEFT..=WIDTH - RIGHT).contains(&x) && (TOP - 0.1..=HEIGHT - BOTTOM + 0.1).contains(&y),
                    "{point}"
                );
            }
        }
    }

    #[test]
    fn a_long_run_is_thinned_without_losing_its_peaks() {
        let mut values = vec![Some(1.0); 5_000];
        values[3_333] = Some(900.0);
        let (at, thin) = lines(values, false).thinned();
        assert!(at.len() <= MOMENTS && thin[0].len() == at.len(), "{}", at.len());
        assert!(thin[0].contains(&Some(900.0)));
    }
}
