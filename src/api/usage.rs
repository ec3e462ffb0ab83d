//! What the caller used, by month and channel, and what it cost: sums of what is durable.
use std::fmt::Write;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, web};
use estafette_actors::domain::month::{Month, ZONE};
use estafette_actors::domain::price::{Money, PriceList};
use estafette_actors::domain::usage::Used;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::App;
use super::answer::json;
use super::caller::Caller;
use super::listing::{query, unknown};
use super::problem::{Fault, Kind, Problem, refuses, sets};
use super::schemas;

/// Months in one answer at most.
const MONTHS: u32 = 13;
const PARAMETERS: &str = "from, until";

/// What was used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Usage)]
pub struct UsageAnswer {
    /// The first month.
    #[schema(example = "2026-01")]
    from: String,
    /// The last month, included.
    #[schema(example = "2026-11")]
    until: String,
    /// Where a month begins at midnight.
    #[schema(example = "Europe/Brussels")]
    time_zone: &'static str,
    /// Each month, in order, those included in which nothing was sent.
    months: Vec<MonthAnswer>,
    /// What channels cost now. What was sent before cost what they did then.
    tariffs: Vec<TariffAnswer>,
}

/// A month.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageOfMonth)]
pub struct MonthAnswer {
    /// Which.
    #[schema(example = "2026-11")]
    month: String,
    /// The channels that were used in it.
    channels: Vec<ChannelAnswer>,
    /// What all of it cost, in millionths of a euro.
    cost_micro_eur: u64,
    /// The same for people.
    #[schema(example = "12.51 EUR")]
    cost: String,
}

/// What was used of a channel.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageOfChannel)]
pub struct ChannelAnswer {
    /// The channel.
    #[schema(example = "sms")]
    channel: String,
    /// Attempts that the channel took.
    #[schema(example = 200)]
    messages: u64,
    /// Their parts: of an SMS its segments, of anything else one.
    #[schema(example = 278)]
    parts: u64,
    /// What they cost, in millionths of a euro.
    #[schema(example = 12_510_000)]
    cost_micro_eur: u64,
    /// The same for people.
    #[schema(example = "12.51 EUR")]
    cost: String,
}

/// What a channel costs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tariff)]
pub struct TariffAnswer {
    /// The channel.
    #[schema(example = "sms")]
    channel: String,
    /// For each message, in millionths of a euro.
    per_message_micro_eur: u64,
    /// For each part, in millionths of a euro.
    #[schema(example = 45_000)]
    per_part_micro_eur: u64,
}

impl ChannelAnswer {
    fn of(channel: String, used: Used) -> Self {
        let Used { messages, parts, cost } = used;
        Self { channel, messages, parts, cost_micro_eur: cost.0, cost: cost.to_string() }
    }
}

impl MonthAnswer {
    fn of(month: Month, channels: Vec<ChannelAnswer>) -> Self {
        let cost: Money = channels.iter().map(|channel| Money(channel.cost_micro_eur)).sum();
        Self { month: month.to_string(), channels, cost_micro_eur: cost.0, cost: cost.to_string() }
    }
}

fn tariffs(prices: &PriceList) -> Vec<TariffAnswer> {
    let tariffs = prices.iter().map(|(channel, tariff)| TariffAnswer {
        channel: channel.to_owned(),
        per_message_micro_eur: tariff.per_message.0,
        per_part_micro_eur: tariff.per_part.0,
    });
    tariffs.collect()
}

/// The months asked for. Of one that is left out: `until` is the current month, or `from` when that is later; `from` is
/// `until`.
fn months(parameters: Vec<(String, String)>, now: Month) -> Result<(Month, Month), Problem> {
    let (mut from, mut until, mut faults) = (None, None, Vec::new());
    for (name, value) in parameters {
        let place = match name.as_str() {
            "from" => &mut from,
            "until" => &mut until,
            _ => return Err(unknown(&name, PARAMETERS)),
        };
        match value.parse::<Month>() {
            Ok(month) => *place = Some(month),
            Err(error) => faults.push(Fault::new(name, error.to_string())),
        }
    }
    if !faults.is_empty() {
        return Err(Problem::InvalidQuery(faults));
    }
    let until = until.unwrap_or_else(|| from.map_or(now, |from| from.max(now)));
    let from = from.unwrap_or(until);
    let wrong = |detail: String| Err(Problem::InvalidQuery(vec![Fault::new("from", detail)]));
    if from > until {
        return wrong("later than until; give the earlier month here".to_owned());
    }
    if from.plus(MONTHS) <= until {
        return wrong(format!("at most {MONTHS} months can be asked for at once; ask for the others in another call"));
    }
    Ok((from, until))
}

/// The first acceptable of the two forms: whether it is CSV.
fn is_csv(request: &HttpRequest) -> Result<bool, Problem> {
    let Some(accept) = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()) else {
        return Ok(false);
    };
    for range in accept.split(',') {
        match range.split(';').next().unwrap_or_default().trim() {
            "text/csv" | "text/*" => return Ok(true),
            "application/json" | "application/*" | "*/*" => return Ok(false),
            _ => {}
        }
    }
    Err(Problem::NotAcceptable("application/json or text/csv"))
}

/// Names and numbers only: nothing in it needs quotes.
fn csv(months: &[MonthAnswer]) -> HttpResponse {
    let mut text = String::from("month,channel,messages,parts,cost_micro_eur,cost\r\n");
    for MonthAnswer { month, channels, .. } in months {
        for ChannelAnswer { channel, messages, parts, cost_micro_eur, cost } in channels {
            // Writing to a string can't fail.
            let _ = write!(text, "{month},{channel},{messages},{parts},{cost_micro_eur},{cost}\r\n");
        }
    }
    let media_type = "text/csv; charset=utf-8; header=present";
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, media_type)).body(text)
}

/// As CSV, for the document.
fn csv_example() -> serde_json::Value {
    "month,channel,messages,parts,cost_micro_eur,cost\r\n2026-11,sms,200,278,12510000,12.51 EUR\r\n".into()
}

/// An answer, for the document.
fn example() -> serde_json::Value {
    json!({
        "from": "2026-11", "until": "2026-11", "time_zone": ZONE,
        "months": [{
            "month": "2026-11",
            "channels": [
                {"channel": "govapp", "messages": 1_400, "parts": 1_400, "cost_micro_eur": 1_400_000, "cost": "1.40 EUR"},
                {"channel": "sms", "messages": 200, "parts": 278, "cost_micro_eur": 12_510_000, "cost": "12.51 EUR"},
            ],
            "cost_micro_eur": 13_910_000, "cost": "13.91 EUR",
        }],
        "tariffs": [
            {"channel": "govapp", "per_message_micro_eur": 1_000, "per_part_micro_eur": 0},
            {"channel": "sms", "per_message_micro_eur": 0, "per_part_micro_eur": 45_000},
        ],
    })
}

refuses!(Using: sets::KEYED, sets::PROFILED, &[Kind::InvalidQuery, Kind::NotAcceptable]);

/// What you used, by month and channel, and what it cost: attempts that a channel took, each by the prices of its
/// moment. In JSON, or in CSV by `Accept`.
#[utoipa::path(
    operation_id = "usage",
    tag = "knowing beforehand",
    params(
        ("from" = Option<schemas::Month>, Query, description = "The first month, such as 2026-01; `until` by default"),
        ("until" = Option<schemas::Month>, Query,
            description = "The last month, included; the current one by default. 13 months at most"),
    ),
    responses(
        (status = 200, description = "The months", content(
            (UsageAnswer = "application/json", example = example),
            (String = "text/csv", example = csv_example),
        )),
        Using,
    ),
)]
#[get("/v1/usage")]
pub async fn usage(request: HttpRequest, app: web::Data<App>, caller: Caller) -> Result<HttpResponse, Problem> {
    caller.profile()?;
    let is_csv = is_csv(&request)?;
    let (from, until) = months(query(&request)?, Month::of(app.parts.broker.now()))?;
    let used = app.parts.broker.archive().usage(Some(caller.institution()), from, until);
    let months: Vec<MonthAnswer> = from
        .to(until)
        .map(|month| {
            let here = used.iter().filter(|usage| usage.month == month);
            MonthAnswer::of(month, here.map(|usage| ChannelAnswer::of(usage.channel.to_string(), usage.used)).collect())
        })
        .collect();
    if is_csv {
        return Ok(csv(&months));
    }
    let (from, until) = (from.to_string(), until.to_string());
    let tariffs = tariffs(&caller.known.prices);
    Ok(json(HttpResponse::Ok(), &UsageAnswer { from, until, time_zone: ZONE, months, tariffs }))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Query<'q> = &'q [(&'q str, &'q str)];

    fn asked(parameters: Query<'_>) -> Result<(String, String), Vec<String>> {
        let owned = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        match months(owned, "2026-11".parse().unwrap()) {
            Ok((from, until)) => Ok((from.to_string(), until.to_string())),
            Err(problem) => Err(problem.faults().iter().map(|fault| fault.pointer.clone()).collect()),
        }
    }

    #[test]
    fn months_that_are_left_out_follow_from_the_other_and_from_now() {
        let table: [(Query<'_>, (&str, &str)); 6] = [
            (&[], ("2026-11", "2026-11")),
            (&[("from", "2026-01")], ("2026-01", "2026-11")),
            (&[("until", "2026-03")], ("2026-03", "2026-03")),
            (&[("from", "2027-02")], ("2027-02", "2027-02")),
            (&[("from", "2025-11"), ("until", "2026-11")], ("2025-11", "2026-11")),
            (&[("until", "2026-02"), ("from", "2026-01")], ("2026-01", "2026-02")),
        ];
        for (parameters, (from, until)) in table {
            assert_eq!(asked(parameters), Ok((from.to_owned(), until.to_owned())), "{parameters:?}");
        }
    }

    #[test]
    fn what_is_no_range_of_thirteen_months_is_refused_with_its_place() {
        let table: [(Query<'_>, &[&str]); 5] = [
            (&[("from", "2025-10"), ("until", "2026-11")], &["from"]),
            (&[("from", "2026-12"), ("until", "2026-11")], &["from"]),
            (&[("from", "2026"), ("until", "x")], &["from", "until"]),
            (&[("month", "2026-11")], &["month"]),
            (&[("from", "1990-01")], &["from"]),
        ];
        for (parameters, places) in table {
            assert_eq!(
                asked(parameters),
                Err(places.iter().map(|&place| place.to_owned()).collect()),
                "{parameters:?}"
            );
        }
    }
}
