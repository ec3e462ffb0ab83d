//! What a caller may know beforehand: the strategies it may use, and every limit.
use std::num::NonZeroU32;

use actix_web::{HttpResponse, get, web};
use estafette_actors::announcer::Announcements;
use estafette_actors::domain::content::{MAX_HTML, MAX_TEXT, MAX_TITLE};
use estafette_actors::domain::jwe::{MAX_JWE, MAX_RECEIVERS};
use estafette_actors::domain::strategy::{Condition, OnUnknown, Otherwise, Strategy, Success};
use estafette_actors::ports::Transport;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::answer::json;
use super::caller::Caller;
use super::events::MAX_EVENTS;
use super::listing::MAX_PAGE;
use super::problem::{Problem, refuses, sets};
use super::rows::MAX_VALUE;
use super::submission::{MAX_REFERENCE, MAX_SENDER_NAME};
use super::{examples, schemas};

/// A strategy, as answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Strategy, example = examples::strategy)]
pub struct StrategyAnswer {
    /// Its name, as a message gives it.
    #[schema(value_type = String, example = "govapp-first")]
    name: Box<str>,
    /// resend, or fail: what is done when nobody can tell what a channel did.
    #[schema(value_type = schemas::OnUnknown)]
    on_unknown: OnUnknown,
    /// Its steps, in order. Tracks run side by side.
    steps: Vec<StepAnswer>,
}

/// One step of a strategy.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Step)]
pub struct StepAnswer {
    /// The track to which it belongs.
    track: u8,
    /// The channel.
    channel: String,
    /// reachable, or always.
    #[schema(value_type = schemas::Condition)]
    condition: Condition,
    /// sent, delivered or read: what counts as success.
    #[schema(value_type = schemas::Success)]
    success: Success,
    /// Seconds for which success is waited for.
    horizon_s: u64,
    /// next, or end: what follows a failure.
    #[schema(value_type = schemas::Otherwise)]
    otherwise: Otherwise,
}

impl StrategyAnswer {
    fn of(strategy: &Strategy) -> Self {
        let steps = strategy.steps.iter().map(|step| StepAnswer {
            track: step.track,
            channel: step.channel.to_string(),
            condition: step.condition,
            success: step.success,
            horizon_s: step.horizon.as_secs(),
            otherwise: step.otherwise,
        });
        Self { name: strategy.name.clone(), on_unknown: strategy.on_unknown, steps: steps.collect() }
    }
}

/// Every limit that a sender can meet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = examples::limits)]
pub struct Limits {
    /// Bytes of a JSON body.
    body_bytes: usize,
    /// Bytes of one upload of recipients.
    upload_bytes: u64,
    /// Uploads at once, of all senders.
    uploads: usize,
    /// Bad rows of an upload that are described.
    reported_rows: usize,
    /// Characters of a title, in each language.
    title_characters: usize,
    /// Characters of a text, in each language.
    text_characters: usize,
    /// Bytes of the HTML, in each language.
    html_bytes: usize,
    /// Characters of the value of a variable.
    variable_characters: usize,
    /// Characters of a sender's reference, and of a row's key.
    reference_characters: usize,
    /// Characters of a sender's name.
    sender_name_characters: usize,
    /// What `sender_name` may be: the names and numbers that you may send under.
    sender_names: Vec<Box<str>>,
    /// Receivers of one message that is encrypted end to end.
    encrypted_receivers: usize,
    /// Bytes of each JWE in its compact form.
    encrypted_bytes: usize,
    /// Messages on a page of a listing.
    page: usize,
    /// Seconds that a call without `Prefer` waits.
    wait_default_s: u64,
    /// Seconds that a call may ask to wait.
    wait_max_s: u64,
    /// Seconds of validity when none is given.
    validity_default_s: u64,
    /// Seconds of validity at most.
    validity_max_s: u64,
    /// Events on a page.
    events_page: usize,
    /// Seconds for which events can be read.
    events_kept_s: u64,
    /// Streams of events that you may have open.
    event_streams: usize,
    /// Webhooks that you may have.
    webhooks: usize,
    /// Hours for which a webhook's calls may fail before it is switched off.
    webhook_gives_up_h: u64,
    /// Days for which your contents and recipients are kept after settlement.
    retention_days: u16,
    /// Requests that your institution may make in a second; null for no limit.
    requests_per_second: Option<u32>,
    /// Requests that it may make at once after a pause; null for no limit.
    requests_burst: Option<u32>,
    /// Every channel, and what it is sent at most.
    channels: Vec<ChannelLimit>,
}

/// A channel's limit.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelLimit {
    /// The channel.
    channel: String,
    /// Who runs it, as in `/v1/callbacks/{provider}`.
    #[schema(required)]
    provider: Option<&'static str>,
    /// Parts a second of all senders together; null for no limit.
    per_second: Option<u32>,
    /// Parts a second of yours alone; left out for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    institution_per_second: Option<u32>,
    /// Parts of yours to one recipient at once, urgent messages counted apart; after that one more each time
    /// `recipient_seconds` divided by this is over. Left out for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_parts: Option<u32>,
    /// The period of that limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_seconds: Option<u64>,
    /// Country prefixes that it may be used for; left out for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    countries: Option<Vec<u16>>,
}

fn channel_limit(app: &App, caller: &Caller, transport: &dyn Transport) -> ChannelLimit {
    let channel = transport.channel();
    let per_second = caller.known.rates.iter().find(|(other, _)| *other == channel).map(|(_, rate)| *rate);
    let set = app.parts.broker.desk(channel).map(|desk| desk.settings().limits);
    let (own, recipient) = set.map_or((None, None), |set| (set.institution_rate, set.recipient));
    ChannelLimit {
        channel: channel.to_string(),
        provider: app.provider(channel),
        per_second,
        institution_per_second: own.map(NonZeroU32::get),
        recipient_parts: recipient.map(|limit| limit.parts.get()),
        recipient_seconds: recipient.map(|limit| limit.period.as_secs()),
        countries: transport.countries(),
    }
}

refuses!(Knowing: sets::KEYED, sets::PROFILED);

/// The strategies that the caller may use.
#[utoipa::path(
    tag = "knowing beforehand",
    responses(
        (status = 200, description = "The strategies", body = Vec<StrategyAnswer>),
        Knowing,
    ),
)]
#[get("/v1/strategies")]
pub async fn strategies(caller: Caller) -> Result<HttpResponse, Problem> {
    let profile = caller.profile()?;
    let allowed = caller.known.strategies.iter().filter(|strategy| profile.may_use(&strategy.name));
    let allowed: Vec<_> = allowed.map(|strategy| StrategyAnswer::of(strategy)).collect();
    Ok(json(HttpResponse::Ok(), &allowed))
}

/// Every limit, known beforehand.
#[utoipa::path(
    tag = "knowing beforehand",
    responses(
        (status = 200, description = "The limits", body = Limits),
        Knowing,
    ),
)]
#[get("/v1/limits")]
pub async fn limits(app: web::Data<App>, caller: Caller) -> Result<HttpResponse, Problem> {
    let settings = &app.parts.settings;
    let profile = caller.profile()?;
    let transports = app.parts.transports.iter();
    let channels = transports.map(|transport| channel_limit(&app, &caller, &**transport));
    let webhooks = app.parts.broker.announcements().map_or_else(Default::default, Announcements::settings);
    let requests = app.limiters.load().get(caller.institution()).map(|limiter| limiter.limits());
    let limits = Limits {
        body_bytes: settings.body_bytes,
        upload_bytes: settings.upload_bytes,
        uploads: settings.uploads,
        reported_rows: settings.reported_rows,
        title_characters: MAX_TITLE,
        text_characters: MAX_TEXT,
        html_bytes: MAX_HTML,
        variable_characters: MAX_VALUE,
        reference_characters: MAX_REFERENCE,
        sender_name_characters: MAX_SENDER_NAME,
        sender_names: profile.senders().map(Into::into).collect(),
        encrypted_receivers: MAX_RECEIVERS,
        encrypted_bytes: MAX_JWE,
        page: MAX_PAGE,
        wait_default_s: settings.wait_default.as_secs(),
        wait_max_s: settings.wait_max.as_secs(),
        validity_default_s: settings.validity_default.as_secs(),
        validity_max_s: settings.validity_max.as_secs(),
        events_page: MAX_EVENTS,
        events_kept_s: settings.events_kept.as_secs(),
        event_streams: settings.event_streams_each,
        webhooks: webhooks.each,
        webhook_gives_up_h: webhooks.patience.give_up.as_secs() / 3600,
        retention_days: profile.retention_days,
        requests_per_second: requests.map(|(rate, _)| rate),
        requests_burst: requests.map(|(_, burst)| burst),
        channels: channels.collect(),
    };
    Ok(json(HttpResponse::Ok(), &limits))
}
