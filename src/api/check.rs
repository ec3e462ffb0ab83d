//! A dry run: what would become of a message now. Nothing is accepted, sent, or asked of a channel.
use std::time::Duration;

use actix_web::{HttpResponse, post, web};
use estafette_actors::broker::Broker;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::content::Content;
use estafette_actors::domain::forecast::{self, Outlook};
use estafette_actors::domain::language::Language;
use estafette_actors::domain::life::Reach;
use estafette_actors::domain::price::Money;
use estafette_actors::domain::segment::{self, Alphabet, Segmentation};
use estafette_actors::domain::strategy::Condition;
use estafette_actors::domain::submission::Lane;
use estafette_actors::domain::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::answer::{json, plain};
use super::body::JsonBody;
use super::caller::Caller;
use super::examples;
use super::problem::{Problem, refuses, sets};
use super::schemas::{self, Submission};
use super::submission;

/// Characters that force UCS-2 that are listed at most; the others are counted.
const CHARACTERS: usize = 20;

/// What would become of a message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = examples::forecast)]
pub struct Forecast {
    /// Each step of the strategy, in the order in which they would be taken.
    steps: Vec<StepForecast>,
    /// The language that the recipient would get.
    #[schema(value_type = schemas::Language)]
    language: &'static str,
    /// The text as an SMS.
    sms: SmsForecast,
    /// The text as an SMS in each language that is given.
    languages: Vec<LanguageForecast>,
    /// What it would cost.
    price: PriceForecast,
    /// When it would end.
    end: EndForecast,
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
    #[schema(value_type = schemas::Reachable)]
    reachable: &'static str,
    /// Whether the step would be left out.
    skipped: bool,
    /// Its price in millionths of a euro, should it be taken.
    price_micro_eur: u64,
    /// Seconds that it would wait for what goes before it at the channel, at its present pace; null when nobody can
    /// tell.
    wait_s: Option<u64>,
}

/// A text as an SMS.
#[derive(Debug, Serialize, ToSchema)]
pub struct SmsForecast {
    /// gsm or ucs2.
    #[schema(value_type = schemas::Alphabet)]
    alphabet: &'static str,
    /// Units in that alphabet.
    units: u32,
    /// Parts: what limits and prices count.
    parts: u32,
    /// Each character that forces UCS-2, in the order in which they first appear, 20 at most.
    forces_ucs2: Vec<CharacterForecast>,
    /// How many others there are.
    forces_ucs2_more: usize,
}

/// A character outside the alphabet of SMS.
#[derive(Debug, Serialize, ToSchema)]
pub struct CharacterForecast {
    /// It.
    #[schema(example = "ç")]
    character: char,
    /// Its code point.
    #[schema(example = "U+00E7")]
    code: String,
    /// How often it is in the text.
    times: u32,
    /// Which character of the text is the first of them, from 1.
    place: u32,
}

/// A language in which the message is given.
#[derive(Debug, Serialize, ToSchema)]
pub struct LanguageForecast {
    /// Which.
    #[schema(value_type = schemas::Language)]
    language: &'static str,
    /// Whether the recipient would get this one.
    chosen: bool,
    /// gsm or ucs2.
    #[schema(value_type = schemas::Alphabet)]
    alphabet: &'static str,
    /// Units in that alphabet.
    units: u32,
    /// Parts.
    parts: u32,
}

/// What it would cost.
#[derive(Debug, Serialize, ToSchema)]
pub struct PriceForecast {
    /// The cheapest way in which it is sent, in millionths of a euro; 0 when no step can be taken.
    least_micro_eur: u64,
    /// The dearest: every step that can be taken is, and its channel takes it.
    most_micro_eur: u64,
    /// The least, for people.
    #[schema(example = "0.001 EUR")]
    least: String,
    /// The most, for people.
    #[schema(example = "0.046 EUR")]
    most: String,
}

/// When it would end.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndForecast {
    /// When its first step can be taken.
    #[serde(serialize_with = "plain")]
    #[schema(value_type = String, format = DateTime)]
    starts_at: Timestamp,
    /// When it would be settled at the latest, if no channel has to be tried again: after each wait, and as long as
    /// each step waits for its receipt.
    #[serde(serialize_with = "plain")]
    #[schema(value_type = String, format = DateTime)]
    settled_by: Timestamp,
    /// Nothing begins from this time on.
    #[serde(serialize_with = "plain")]
    #[schema(value_type = String, format = DateTime)]
    valid_until: Timestamp,
}

fn name(reach: Reach) -> &'static str {
    match reach {
        Reach::Yes => "yes",
        Reach::No => "no",
        Reach::Ask => "ask",
        Reach::Barred(bar) => bar.as_str(),
    }
}

fn alphabet(measured: Segmentation) -> &'static str {
    if measured.alphabet == Alphabet::Ucs2 { "ucs2" } else { "gsm" }
}

impl SmsForecast {
    fn of(text: &str) -> Self {
        let measured = segment::measure(text);
        let (found, forces_ucs2_more) = segment::outsiders(text, CHARACTERS);
        let forces_ucs2 = found.into_iter().map(|found| CharacterForecast {
            character: found.character,
            code: format!("U+{:04X}", u32::from(found.character)),
            times: found.times,
            place: found.place,
        });
        let Segmentation { units, parts, .. } = measured;
        Self { alphabet: alphabet(measured), units, parts, forces_ucs2: forces_ucs2.collect(), forces_ucs2_more }
    }
}

fn languages(content: &Content, chosen: Language) -> Vec<LanguageForecast> {
    let given = content.languages();
    let of = |language: Language| {
        let measured = segment::measure(&content.text_in(language));
        LanguageForecast {
            language: language.as_str(),
            chosen: language == chosen,
            alphabet: alphabet(measured),
            units: measured.units,
            parts: measured.parts,
        }
    };
    given.languages().map(of).collect()
}

/// How long what waits at a channel in this lane and those before it takes, at the channel's limit, or at what it sent
/// in the last second where it has none. Of everybody's messages only the time is told.
fn wait(broker: &Broker, channel: Channel, lane: Lane) -> Option<Duration> {
    let status = broker.desk(channel)?.status();
    if matches!(status.state, "paused" | "down") {
        return None;
    }
    let here = broker.archive().depths().into_iter().filter(|depth| depth.channel == channel);
    let waiting: u64 = here.filter(|depth| depth.lane <= lane).map(|depth| depth.messages).sum();
    if waiting == 0 {
        return Some(Duration::ZERO);
    }
    let pace = status.rate.map_or(status.sent_last_second, u64::from);
    (pace > 0).then(|| Duration::from_secs(waiting.div_ceil(pace)))
}

refuses!(Checking: sets::KEYED, sets::PROFILED, sets::BODY, sets::JSON);

/// Checks a message as `POST /v1/messages` does, and tells the steps that would be taken, the parts of its SMS, what it
/// would cost and when it would end.
#[utoipa::path(
    tag = "knowing beforehand",
    request_body(content = Submission, content_type = "application/json", description = "The message"),
    responses(
        (status = 200, description = "It would be accepted", body = Forecast),
        Checking,
    ),
)]
#[post("/v1/check")]
pub async fn check(app: web::Data<App>, caller: Caller, body: JsonBody) -> Result<HttpResponse, Problem> {
    let profile = caller.profile()?;
    let rules = caller.rules()?;
    let single = submission::single(&body.0, &rules)?;
    let (broker, terms) = (&app.parts.broker, &single.terms);
    // Whether a channel reaches somebody, and their language, is personal: it follows from the
    // recipient given, and no other identifier of theirs is told.
    let registry = broker.registry();
    let preferred = registry.person(&single.recipient).and_then(|person| person.language);
    let language = terms.content.language(single.language, preferred, profile.default_language);
    let text = terms.content.text_in(language);
    let sms = SmsForecast::of(&text);
    let (mut steps, mut outlooks, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    for (place, step) in terms.strategy.steps.iter().enumerate() {
        let channel = step.channel;
        let desk = broker.desk(channel);
        // A channel that this installation doesn't have reaches nobody.
        let reach = desk.map_or(Reach::No, |_| {
            registry.reach_of((caller.institution(), &terms.strategy.name), &single.recipient, channel, rules.now)
        });
        let parts = if channel == Channel::SMS { sms.parts } else { 1 };
        let price = caller.known.prices.price(channel.as_str(), parts);
        let is_skipped =
            matches!(reach, Reach::Barred(_)) || (reach == Reach::No && step.condition == Condition::Reachable);
        let wait = wait(broker, channel, terms.lane);
        outlooks.push(Outlook { is_skipped, price, wait });
        steps.push(StepForecast {
            step: place,
            track: step.track,
            channel: channel.to_string(),
            reachable: name(reach),
            skipped: is_skipped,
            price_micro_eur: price.0,
            wait_s: wait.map(|wait| wait.as_secs()),
        });
        if let Some(state @ ("paused" | "down")) = desk.map(|desk| desk.status().state)
            && !is_skipped
        {
            warnings.push(format!("{channel} is {state} at present: step {place} waits until it goes on"));
        }
    }
    if steps.iter().all(|step| step.skipped) {
        warnings.push("no step can reach the recipient: the message would fail as unreachable".to_owned());
    }
    let by_sms = steps.iter().any(|step| step.channel == Channel::SMS.as_str());
    if let Some(first) = sms.forces_ucs2.first().filter(|_| by_sms) {
        let place = first.place;
        warnings
            .push(format!("character {place} of the text is outside the SMS alphabet: parts hold 67 instead of 153"));
    }
    let (Money(least), Money(most)) = forecast::prices(&terms.strategy, &outlooks);
    let starts_at = rules.now.max(terms.not_before);
    let settled_by = forecast::settled_by(&terms.strategy, &outlooks, starts_at, terms.valid_until);
    let forecast = Forecast {
        steps,
        language: language.as_str(),
        languages: languages(&terms.content, language),
        sms,
        price: PriceForecast {
            least_micro_eur: least,
            most_micro_eur: most,
            least: Money(least).to_string(),
            most: Money(most).to_string(),
        },
        end: EndForecast { starts_at, settled_by, valid_until: terms.valid_until },
        warnings,
    };
    Ok(json(HttpResponse::Ok(), &forecast))
}
