//! How many requests an institution may make, or a client with access tokens that belongs to none, and the fields that tell it how many
//! are left.
//!
//! Invariant: what is told is what holds. Who makes no more than the quota in any window of that length is never refused; where there is
//! no limit nothing is told. Clients that are not set up here share one limit, so that names that come with tokens take no memory.
//!
//! Source: draft-ietf-httpapi-ratelimit-headers-10 (`RateLimit`, `RateLimit-Policy`).
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use estafette_actors::domain::mailbox::ClientId;
use estafette_actors::domain::submission::Institution;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::Known;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");
/// The name of the policy of an institution, of a client that is set up here, and of all other clients together.
const INSTITUTION: &str = "institution";
const CLIENT: &str = "client";
const OTHERS: &str = "other-clients";

/// What the configuration says of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Requests a second of each institution, and of each client of tokens that belongs to none; none for no limit.
    pub per_second: Option<NonZeroU32>,
    /// How many may come at once after a pause, at least as many as in a second; none for those of two seconds.
    pub burst: Option<NonZeroU32>,
    /// Requests a second of single institutions, instead.
    pub of: Vec<(Institution, NonZeroU32)>,
}

impl Requests {
    /// Requests a second of an institution, and how many at once.
    fn quota(&self, institution: Institution) -> Option<(NonZeroU32, NonZeroU32)> {
        let own = self.of.iter().find(|(known, _)| *known == institution).map(|(_, rate)| *rate);
        own.or(self.per_second).map(|rate| self.with_burst(rate))
    }

    /// The same of a client that belongs to no institution.
    fn of_client(&self) -> Option<(NonZeroU32, NonZeroU32)> {
        self.per_second.map(|rate| self.with_burst(rate))
    }

    fn with_burst(&self, rate: NonZeroU32) -> (NonZeroU32, NonZeroU32) {
        (rate, self.burst.map_or_else(|| rate.saturating_mul(TWO), |burst| burst.max(rate)))
    }
}

const TWO: NonZeroU32 = NonZeroU32::new(2).expect("invariant: two is not zero");

/// The requests of one institution or client.
#[derive(Debug)]
pub struct Limiter {
    name: &'static str,
    rate: NonZeroU32,
    burst: NonZeroU32,
    bucket: RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>,
}

/// Where an institution or client stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What the limit is of.
    name: &'static str,
    /// Requests in a window.
    quota: u32,
    /// Seconds of a window.
    window: u32,
    /// Requests that may be made at once now.
    left: u32,
    /// Seconds until all of the quota is there again.
    whole_in: u32,
    /// How long until one may be made, when this one was too many.
    pub refused: Option<Duration>,
}

impl Limiter {
    fn new(name: &'static str, (rate, burst): (NonZeroU32, NonZeroU32)) -> Self {
        let quota = Quota::per_second(rate).allow_burst(burst);
        Self { name, rate, burst, bucket: RateLimiter::direct(quota).with_middleware() }
    }

    /// Requests a second, and how many at once.
    pub fn limits(&self) -> (u32, u32) {
        (self.rate.get(), self.burst.get())
    }

    /// Counts a request.
    pub fn spend(&self) -> Standing {
        let (left, refused) = match self.bucket.check() {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(not_yet) => (0, Some(not_yet.wait_time_from(DefaultClock::default().now()))),
        };
        let quota = self.burst.get();
        let seconds = |requests: u32| requests.div_ceil(self.rate.get());
        Standing {
            name: self.name,
            quota,
            window: seconds(quota),
            left,
            whole_in: seconds(quota - left.min(quota)),
            refused,
        }
    }
}

impl Standing {
    fn policy(&self) -> String {
        format!("\"{}\";q={};w={}", self.name, self.quota, self.window)
    }

    fn left(&self) -> String {
        format!("\"{}\";r={};t={}", self.name, self.left, self.whole_in)
    }
}

/// A limiter for each institution that has a limit, in the order of their numbers.
#[derive(Debug, Default)]
pub struct Limiters(Vec<(Institution, Arc<Limiter>)>);

impl Limiters {
    /// What is known of institutions says who has one; those whose limit stays go on with what they have left.
    pub fn of(known: &Known, before: &Self) -> Self {
        let limiter = |institution| {
            let (rate, burst) = known.requests.quota(institution)?;
            let same = before.get(institution).filter(|limiter| (limiter.rate, limiter.burst) == (rate, burst));
            Some((institution, same.map_or_else(|| Arc::new(Limiter::new(INSTITUTION, (rate, burst))), Arc::clone)))
        };
        let mut limiters: Vec<_> =
            known.institutions.iter().filter_map(|profile| limiter(profile.institution)).collect();
        limiters.sort_by_key(|(institution, _)| *institution);
        Self(limiters)
    }

    /// That of an institution.
    pub fn get(&self, institution: Institution) -> Option<&Arc<Limiter>> {
        let place = self.0.binary_search_by_key(&institution, |(known, _)| *known).ok()?;
        self.0.get(place).map(|(_, limiter)| limiter)
    }
}

/// Limiters of clients that belong to no institution: one for each that is set up here and came, and one for all others.
#[derive(Debug, Default)]
pub struct Clients(Mutex<HashMap<Option<ClientId>, Limiter>>);

impl Clients {
    /// Counts a request of a client that is set up here, or of any other; nothing where there is no limit. `is_known` says which clients
    /// are set up here now: those that are no more are forgotten when another comes.
    pub fn spend(
        &self,
        requests: &Requests,
        client: Option<&ClientId>,
        is_known: impl Fn(&ClientId) -> bool,
    ) -> Option<Standing> {
        let quota = requests.of_client()?;
        let mut limiters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = client.cloned();
        if let Some(limiter) = limiters.get(&key).filter(|limiter| (limiter.rate, limiter.burst) == quota) {
            return Some(limiter.spend());
        }
        limiters.retain(|known, _| known.as_ref().is_none_or(&is_known));
        let limiter = Limiter::new(if client.is_some() { CLIENT } else { OTHERS }, quota);
        let standing = limiter.spend();
        limiters.insert(key, limiter);
        Some(standing)
    }
}

/// Puts the fields on every answer to a request that was counted, whatever the answer is.
pub async fn tell(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let mut answer = next.call(request).await?;
    let standing = answer.request().extensions().get::<Standing>().copied();
    if let Some(standing) = standing {
        for (name, value) in [(POLICY, standing.policy()), (LEFT, standing.left())] {
            if let Ok(value) = HeaderValue::try_from(value) {
                answer.headers_mut().insert(name, value);
            }
        }
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use estafette_actors::domain::language::Language;

    use crate::api::InstitutionProfile;

    fn some(number: u32) -> Option<NonZeroU32> {
        NonZeroU32::new(number)
    }

    fn limiter(rate: u32, burst: u32) -> Limiter {
        Limiter::new(INSTITUTION, (some(rate).unwrap(), some(burst).unwrap()))
    }

    #[test]
    fn the_fields_count_down_to_a_refusal_that_says_when_to_come_again() {
        // One in an hour and more: time plays no part here.
        let bucket =
            RateLimiter::direct(Quota::with_period(Duration::from_secs(4_000)).unwrap().allow_burst(some(3).unwrap()));
        let limiter = Limiter { bucket: bucket.with_middleware(), ..limiter(1, 3) };
        let told = |standing: &Standing| (standing.policy(), standing.left());
        for (left, whole_in) in [(2, 1), (1, 2), (0, 3)] {
            let standing = limiter.spend();
            assert_eq!(
                told(&standing),
                ("\"institution\";q=3;w=3".into(), format!("\"institution\";r={left};t={whole_in}"))
            );
            assert_eq!(standing.refused, None);
        }
        let refused = limiter.spend();
        assert_eq!(told(&refused).1, "\"institution\";r=0;t=3");
        assert!(
            refused.refused.is_some_and(|wait| wait > Duration::from_secs(3_000) && wait <= Duration::from_secs(4_000))
        );
    }

    #[test]
    fn a_window_is_rounded_up_so_that_nobody_is_refused_who_keeps_to_it() {
        for (rate, burst, window) in [(10, 10, 1), (10, 11, 2), (10, 100, 10), (3, 10, 4)] {
            assert_eq!(limiter(rate, burst).spend().window, window, "{rate} {burst}");
        }
    }

    #[test]
    fn an_institution_has_its_own_limit_or_that_of_all_and_keeps_what_it_has_left() {
        let institution = |cbe: &str| Institution(cbe.parse().unwrap());
        let (one, two) = (institution("0403019261"), institution("0206731645"));
        let profile = |institution| InstitutionProfile {
            institution,
            name: "An institution".into(),
            default_language: Language::Fr,
            sender_name: None,
            sender_names: Vec::new(),
            strategies: None,
            retention_days: 7,
            legal_context: None,
            operator: false,
        };
        let known = |per_second, burst, of| Known {
            institutions: vec![profile(one), profile(two)],
            requests: Requests { per_second, burst, of },
            ..Known::default()
        };
        let none = Limiters::default();
        let first = Limiters::of(&known(some(5), None, vec![(two, some(50).unwrap())]), &none);
        assert_eq!(first.get(one).unwrap().limits(), (5, 10));
        assert_eq!(first.get(two).unwrap().limits(), (50, 100));
        let again = Limiters::of(&known(some(6), None, vec![(two, some(50).unwrap())]), &first);
        assert!(Arc::ptr_eq(first.get(two).unwrap(), again.get(two).unwrap()));
        assert_eq!(again.get(one).unwrap().limits(), (6, 12));
        let burst = Limiters::of(&known(None, some(20), vec![(two, some(50).unwrap())]), &again);
        assert!(burst.get(one).is_none(), "no limit is told to nobody");
        assert_eq!(burst.get(two).unwrap().limits(), (50, 50), "at least those of a second");
    }

    #[test]
    fn a_client_has_a_limit_of_its_own_where_it_is_set_up_and_the_others_share_one() {
        // So many at once that time plays no part here.
        let requests = |burst| Requests { per_second: some(1), burst: some(burst), of: Vec::new() };
        let [one, two, gone] = ["one", "two", "gone"].map(|name| ClientId::parse(name).unwrap());
        let clients = Clients::default();
        let spend = |burst, client: Option<&ClientId>| {
            let standing = clients.spend(&requests(burst), client, |known| *known != gone).unwrap();
            (standing.name, standing.left)
        };
        assert_eq!(spend(1_000, Some(&gone)), ("client", 999));
        assert_eq!(spend(1_000, Some(&one)), ("client", 999));
        for _ in 0..100 {
            spend(1_000, Some(&one));
        }
        assert!(spend(1_000, Some(&one)).1 < 990, "it goes on with what is left");
        assert_eq!(spend(1_000, Some(&two)), ("client", 999));
        assert_eq!(spend(1_000, None), ("other-clients", 999));
        let many = clients.0.lock().unwrap().len();
        assert_eq!(many, 3, "what is set up no more is forgotten");
        assert_eq!(spend(2_000, Some(&one)), ("client", 1_999), "another limit holds at once");
        assert!(clients.spend(&Requests::default(), Some(&one), |_| true).is_none(), "no limit is told to nobody");
    }
}
