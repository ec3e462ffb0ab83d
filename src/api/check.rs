//! A dry run: what would become of a message now. Nothing is accepted, sent, or asked of a channel.
use actix_web::{HttpResponse, post, web};
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::life::Reach;
use estafette_actors::domain::segment::{self, Alphabet};
use estafette_actors::domain::strategy::Condition;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::answer::json;
use super::body::JsonBody;
use super::caller::Caller;
use super::document;
use super::problem::{Details, Problem};
use super::submission;

/// What would become of a message.
#[derive(Debug, Serialize, ToSchema)]
pub struct Forecast {
    /// Each step of the strategy, in the order in which they would be taken.
    steps: Vec<StepForecast>,
    /// The language that the recipient would get.
    #[schema(example = "fr")]
    language: &'static str,
    /// The text as an SMS.
    sms: SmsForecast,
    /// What the sender may want to know.
    warnings: Vec<String>,
}

/// What would become of a step.
#[derive(Debug, Serialize, ToSchema)]
pub struct StepForecast {
    /// The step, from 0.
    step: usize,
    /// The track to which it belongs.
    track: u8,
    /// The channel.
    channel: String,
    /// yes, no, ask (the channel is asked when the step is taken), suppressed or consent_withdrawn.
    #[schema(example = "ask")]
    reachable: &'static str,
    /// Whether the step would be left out.
    skipped: bool,
    /// Its price in millionths of a euro, should it be taken.
    price_micro_eur: u64,
}

/// A text as an SMS.
#[derive(Debug, Serialize, ToSchema)]
pub struct SmsForecast {
    /// gsm or ucs2.
    alphabet: &'static str,
    /// Units in that alphabet.
    units: u32,
    /// Parts: what limits and prices count.
    parts: u32,
}

fn name(reach: Reach) -> &'static str {
    match reach {
        Reach::Yes => "yes",
        Reach::No => "no",
        Reach::Ask => "ask",
        Reach::Barred(bar) => bar.as_str(),
    }
}

/// Checks a message as `POST /v1/messages` does, and tells the steps that would be taken, the parts
/// of its SMS and the price.
#[utoipa::path(
    tag = "knowing beforehand",
    request_body(content = document::Submission, content_type = "application/json", description = "The message"),
    responses(
        (status = 200, description = "It would be accepted", body = Forecast),
        (status = 400, description = "Not JSON", body = Details, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Details, content_type = "application/problem+json"),
        (status = 422, description = "Mistakes in the message, each with its place", body = Details,
            content_type = "application/problem+json"),
    ),
)]
#[post("/v1/check")]
pub async fn check(app: web::Data<App>, caller: Caller, body: JsonBody) -> Result<HttpResponse, Problem> {
    let profile = caller.profile()?;
    let rules = caller.rules()?;
    let single = submission::single(&body.0, &rules)?;
    // Whether a channel reaches somebody, and their language, is personal: it follows from the
    // recipient given, and no other identifier of theirs is told.
    let registry = app.parts.broker.registry();
    let preferred = registry.person(&single.recipient).and_then(|person| person.language);
    let rendition = single.terms.content.in_language(single.language, preferred, profile.default_language);
    let measured = segment::measure(&rendition.text);
    let steps = single.terms.strategy.steps.iter().enumerate().map(|(place, step)| {
        let reach = registry.reach_of(caller.institution(), &single.recipient, step.channel, rules.now);
        let parts = if step.channel == Channel::SMS { measured.parts } else { 1 };
        StepForecast {
            step: place,
            track: step.track,
            channel: step.channel.to_string(),
            reachable: name(reach),
            skipped: matches!(reach, Reach::Barred(_))
                || (reach == Reach::No && step.condition == Condition::Reachable),
            price_micro_eur: caller.known.prices.price(step.channel.as_str(), parts).0,
        }
    });
    let steps: Vec<StepForecast> = steps.collect();
    let mut warnings = Vec::new();
    if steps.iter().all(|step| step.skipped) {
        warnings.push("no step can reach the recipient: the message would fail as unreachable".to_owned());
    }
    let by_sms = steps.iter().any(|step| step.channel == Channel::SMS.as_str());
    if by_sms && measured.alphabet == Alphabet::Ucs2 {
        let first = segment::forces_ucs2(&rendition.text).next();
        let place = first.map_or(0, |(at, _)| rendition.text[..at].chars().count() + 1);
        warnings
            .push(format!("character {place} of the text is outside the SMS alphabet: parts hold 67 instead of 153"));
    }
    let alphabet = if measured.alphabet == Alphabet::Ucs2 { "ucs2" } else { "gsm" };
    let sms = SmsForecast { alphabet, units: measured.units, parts: measured.parts };
    let forecast = Forecast { steps, language: rendition.language.as_str(), sms, warnings };
    Ok(json(HttpResponse::Ok(), &forecast))
}
