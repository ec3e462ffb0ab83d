//! What happened to the caller's messages: pages behind a cursor, or a stream of server-sent events
//! that goes on where the last one ended.
//!
//! A stream holds one page at most. Its reader is cut off when it does not take a page in time, and
//! the number of streams is bounded: whoever is refused can ask for pages.
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, web};
use bytes::Bytes;
use dashmap::DashMap;
use estafette_actors::domain::event::{self, Of, Place, Tests, Wanted};
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::{Feed, FeedPage};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use utoipa::ToSchema;

use super::App;
use super::answer::json;
use super::caller::Caller;
use super::listing::{NO_REFERENCE, query, unknown};
use super::problem::{Fault, Kind, Problem, refuses, sets};
use super::submission::{MAX_REFERENCE, line};
use super::{examples, schemas};
use crate::events::{Cursors, Written, names};

/// Events on a page at most.
pub const MAX_EVENTS: usize = 1_000;
const DEFAULT_EVENTS: usize = 100;
/// Events that a stream writes at once at most.
const PIECE: usize = 100;
/// Pages that one request looks through at most while it finds nothing.
const LOOKS: usize = 16;
/// A stream looks for news no more often than this.
const PACE: Duration = Duration::from_millis(50);
const PARAMETERS: &str = "after, limit, type, message, broadcast, reference, include_test";
const STREAM: &str = "text/event-stream";

/// Where events come from, and how places in them are written.
#[derive(Clone)]
pub struct Source {
    /// The feed.
    pub feed: Arc<dyn Feed>,
    /// Seals places.
    pub cursors: Cursors,
}

/// Streams under way.
pub struct Streams {
    all: Arc<Semaphore>,
    each: usize,
    /// Of tests apart: who tries something out takes no place from what is live.
    of: DashMap<(Institution, bool), Arc<Semaphore>>,
    closing: watch::Sender<bool>,
}

impl Streams {
    /// So many in all, and of each institution.
    pub fn new(all: usize, each: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), each, of: DashMap::new(), closing: watch::Sender::new(false) }
    }

    /// Ends every stream, and those that follow.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    fn begin(&self, owner: Institution, tests: Tests) -> Result<[OwnedSemaphorePermit; 2], Problem> {
        let key = (owner, tests == Tests::Only);
        let own = Arc::clone(&self.of.entry(key).or_insert_with(|| Arc::new(Semaphore::new(self.each))));
        let own = own.try_acquire_owned().map_err(|_| Problem::TooManyStreams)?;
        let all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| Problem::TooManyStreams)?;
        Ok([own, all])
    }
}

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Events, example = examples::events)]
pub struct Page {
    /// The oldest first. A page may be short, even empty, and yet not the last one.
    events: Vec<Written>,
    /// Give it as `after` to go on, also when the page is empty: it moves on with time.
    #[schema(value_type = schemas::Cursor)]
    next: String,
    /// Whether there was more when this page was read.
    has_more: bool,
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    after: Option<String>,
    limit: usize,
    include_test: bool,
    wanted: Wanted,
}

fn asked(parameters: Vec<(String, String)>) -> Result<Asked, Problem> {
    let mut asked = Asked { after: None, limit: DEFAULT_EVENTS, include_test: false, wanted: Wanted::default() };
    let mut faults = Vec::new();
    for (name, value) in parameters {
        let of = match name.as_str() {
            "after" => {
                asked.after = Some(value);
                continue;
            }
            "limit" => {
                match value.parse() {
                    Ok(limit) if (1..=MAX_EVENTS).contains(&limit) => asked.limit = limit,
                    _ => faults.push(Fault::new(name, format!("give 1 to {MAX_EVENTS}"))),
                }
                continue;
            }
            "include_test" => {
                match value.parse() {
                    Ok(include) => asked.include_test = include,
                    Err(_) => faults.push(Fault::new(name, "give true or false")),
                }
                continue;
            }
            "type" => {
                for kind in value.split(',') {
                    match event::Kind::parse(kind.trim()) {
                        Some(kind) => asked.wanted.kinds.add(kind),
                        None => faults.push(Fault::new("type", format!("give some of {}", names()))),
                    }
                }
                continue;
            }
            "message" => value.parse().map(Of::Message).map_err(|_| "give a message's id"),
            "broadcast" => value.parse().map(Of::Broadcast).map_err(|_| "give a broadcast's id"),
            "reference" => line(&value, MAX_REFERENCE).map(Of::Reference).map_err(|_| NO_REFERENCE),
            _ => return Err(unknown(&name, PARAMETERS)),
        };
        match of {
            Ok(_) if asked.wanted.of.is_some() => {
                faults.push(Fault::new(name, "give one of message, broadcast and reference, once"));
            }
            Ok(of) => asked.wanted.of = Some(of),
            Err(what) => faults.push(Fault::new(name, what)),
        }
    }
    if faults.is_empty() { Ok(asked) } else { Err(Problem::InvalidQuery(faults)) }
}

impl App {
    pub(super) fn place(&self, owner: Institution, after: Option<&str>) -> Result<Place, Problem> {
        let source = &self.parts.events;
        match after {
            None | Some("oldest") => Ok(source.feed.oldest()),
            Some("newest") => Ok(source.feed.newest()),
            Some(text) => source.cursors.read(owner, text).ok_or(Problem::InvalidCursor),
        }
    }

    /// Looks on from a place until something is found, the end is reached, or it is enough.
    async fn events(
        &self,
        owner: Institution,
        after: Place,
        asked: &Wanted,
        limit: usize,
    ) -> Result<FeedPage, Problem> {
        let mut page = FeedPage { next: after, ..FeedPage::default() };
        for _ in 0..LOOKS {
            page = self.parts.events.feed.page(owner, page.next, asked.clone(), limit).await?;
            if !page.events.is_empty() || !page.has_more {
                break;
            }
        }
        Ok(page)
    }
}

refuses!(
    Telling: sets::KEYED,
    sets::READING,
    &[Kind::InvalidQuery, Kind::InvalidCursor, Kind::CursorTooOld, Kind::TooManyStreams],
);

/// What happened to your messages, oldest first.
///
/// Go on with `after=` and the last page's `next`: nothing is left out and nothing comes twice. Events are kept for
/// a stated time (`events_kept_s` in /v1/limits). With `Accept: text/event-stream` they come as server-sent events as
/// they happen, and `Last-Event-ID` goes on where a stream broke off.
#[utoipa::path(
    operation_id = "events",
    tag = "events",
    params(
        ("after" = Option<schemas::Place>, Query, description = "`next` of the last page, the id of an event, `oldest` (the default) or `newest`"),
        ("limit" = Option<u16>, Query, description = "How many at most, 1 to 1000; 100 by default",
            minimum = 1, maximum = 1000),
        ("type" = Option<Vec<schemas::EventType>>, Query, description = "Only these types; several by commas or by repeating it"),
        ("message" = Option<schemas::Id>, Query, description = "Only of this message"),
        ("broadcast" = Option<schemas::Id>, Query, description = "Only of this broadcast and its recipients"),
        ("reference" = Option<schemas::Reference>, Query, description = "Only of messages with this reference of yours"),
        ("include_test" = Option<bool>, Query, description = "Also of messages to the sandbox, which carry `test: true`; false by default. A test key is told of these only"),
        ("Last-Event-ID" = Option<String>, Header, description = "For streams: the id of the last event that arrived"),
    ),
    responses(
        (status = 200, description = "A page, or a stream", content(
            (Page = "application/json"),
            (String = "text/event-stream", example = json!(examples::stream())),
        ), headers(("Link" = String, description = "Where to go on, `rel=\"next\"`"))),
        Telling,
    ),
)]
#[get("/v1/events")]
pub async fn events(request: HttpRequest, app: web::Data<App>, caller: Caller) -> Result<HttpResponse, Problem> {
    let mut asked = asked(query(&request)?)?;
    asked.wanted.tests = caller.reaches().tests(asked.include_test);
    let owner = caller.institution();
    let text = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    let is_stream = text("accept").is_some_and(|accept| accept.to_ascii_lowercase().contains(STREAM));
    if is_stream {
        let after = app.place(owner, text("last-event-id").or(asked.after.as_deref()))?;
        return stream_from(&app, owner, after, asked.wanted).await;
    }
    let after = app.place(owner, asked.after.as_deref())?;
    let page = app.events(owner, after, &asked.wanted, asked.limit).await?;
    let cursors = &app.parts.events.cursors;
    let next = cursors.write(owner, page.next);
    let mut answer = HttpResponse::Ok();
    let kept = request.query_string().split('&').filter(|part| !part.is_empty() && !part.starts_with("after="));
    let all: Vec<String> = kept.map(str::to_owned).chain([format!("after={next}")]).collect();
    answer.insert_header((header::LINK, format!("</v1/events?{}>; rel=\"next\"", all.join("&"))));
    let events = page.events.into_iter().map(|event| Written::of(event, cursors)).collect();
    Ok(json(answer, &Page { events, next, has_more: page.has_more }))
}

/// A stream under way.
struct Following {
    app: web::Data<App>,
    owner: Institution,
    wanted: Wanted,
    after: Place,
    ready: VecDeque<Bytes>,
    commits: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
    /// When the last piece was handed on.
    handed: Instant,
    _permits: [OwnedSemaphorePermit; 2],
}

async fn stream_from(
    app: &web::Data<App>,
    owner: Institution,
    after: Place,
    wanted: Wanted,
) -> Result<HttpResponse, Problem> {
    let permits = app.streams.begin(owner, wanted.tests)?;
    let commits = app.parts.events.feed.commits();
    // The first look before the answer: what is wrong with the place is a problem and no broken stream.
    let page = app.parts.events.feed.page(owner, after, wanted.clone(), PIECE).await?;
    let mut following = Following {
        app: app.clone(),
        owner,
        wanted,
        after,
        ready: VecDeque::from([Bytes::from_static(b"retry: 3000\n\n")]),
        commits,
        closing: app.streams.closing.subscribe(),
        handed: Instant::now(),
        _permits: permits,
    };
    following.take(page);
    let pieces = stream::unfold(following, |mut following| async move {
        let piece = following.piece().await?;
        following.handed = Instant::now();
        Some((Ok::<_, std::convert::Infallible>(piece), following))
    });
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, STREAM))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(pieces))
}

impl Following {
    /// The next piece; `None` ends the stream.
    async fn piece(&mut self) -> Option<Bytes> {
        let settings = &self.app.parts.settings;
        // The last piece was not taken in time: the reader can come again where it was.
        if self.handed.elapsed() > settings.event_reader_timeout {
            return None;
        }
        let heartbeat = Instant::now() + settings.event_heartbeat;
        loop {
            if *self.closing.borrow() {
                return None;
            }
            if let Some(piece) = self.ready.pop_front() {
                return Some(piece);
            }
            let feed = Arc::clone(&self.app.parts.events.feed);
            self.commits.mark_unchanged();
            if feed.last_of(self.owner).is_none_or(|last| last > self.after.position)
                || self.after.index != Place::WHOLE
            {
                let page = feed.page(self.owner, self.after, self.wanted.clone(), PIECE).await.ok()?;
                let has_more = page.has_more;
                self.take(page);
                if has_more || !self.ready.is_empty() {
                    continue;
                }
            }
            tokio::select! {
                changed = self.commits.changed() => {
                    changed.ok()?;
                    tokio::time::sleep(PACE).await;
                }
                _ = self.closing.changed() => return None,
                () = tokio::time::sleep_until(heartbeat) => return Some(Bytes::from_static(b": alive\n\n")),
            }
        }
    }

    fn take(&mut self, page: FeedPage) {
        let cursors = &self.app.parts.events.cursors;
        self.after = page.next;
        if page.events.is_empty() {
            return;
        }
        let mut text = String::with_capacity(page.events.len() * 400);
        for event in page.events {
            let written = Written::of(event, cursors);
            for part in ["id: ", &written.id, "\nevent: ", written.kind, "\ndata: ", &written.json(), "\n\n"] {
                text.push_str(part);
            }
        }
        self.ready.push_back(text.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_for_events_is_read_whole_or_each_fault_is_named() {
        let read = |pairs: &[(&str, &str)]| {
            asked(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        let id = "01939f3a-7c1e-7000-8000-000000000001";
        let types = [("type", "message.settled,message.read"), ("type", "attempt.sent"), ("message", id)];
        let good = read(&types).unwrap();
        let kinds: Vec<_> = good.wanted.kinds.named().collect();
        assert_eq!(kinds, [event::Kind::Sent, event::Kind::Read, event::Kind::Settled]);
        assert!(matches!(good.wanted.of, Some(Of::Message(_))));
        assert!(!good.include_test && read(&[("include_test", "true")]).unwrap().include_test);
        let wrong = [
            ("include_test", "yes"),
            ("limit", "0"),
            ("limit", "1001"),
            ("type", "lost"),
            ("message", "x"),
            ("reference", "a\u{9b}"),
        ];
        let Err(Problem::InvalidQuery(faults)) = read(&wrong) else { panic!("accepted") };
        assert_eq!(faults.len(), wrong.len());
        assert!(read(&[("message", id), ("reference", "r")]).is_err());
        assert!(matches!(read(&[("from", "1")]), Err(Problem::InvalidQuery(_))));
    }
}
