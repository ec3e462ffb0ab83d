//! Turns the JSON of a message or a broadcast into domain types, once: nothing behind it checks
//! again. All mistakes of a request are reported together.
use std::sync::Arc;
use std::time::Duration;

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::content::Content;
use estafette_actors::domain::jwe::{Jwe, MAX_RECEIVERS, NoReceiver, Receiver, Sealed};
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::price::PriceList;
use estafette_actors::domain::segment;
use estafette_actors::domain::strategy::{Order, Strategy};
use estafette_actors::domain::submission::{Lane, Recipient};
use estafette_actors::domain::template::Template;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::domain::window::Window;
use jiff::civil::Date;

use super::InstitutionProfile;
use super::caller::Reaches;
use super::json::{Faults, Json, Object};
use super::problem::Problem;
use super::window;

/// Characters of a sender's reference at most, and of a row's key.
pub const MAX_REFERENCE: usize = 100;
/// Characters of a sender's name at most.
pub const MAX_SENDER_NAME: usize = 40;

const MESSAGE: &str = "recipient, strategy, content, priority, not_before, valid_until, sender_reference, language, \
                       sender_name";
const BROADCAST: &str = "content, strategy, priority, not_before, valid_until, window, sender_reference, sender_name";

/// What a request is checked against.
pub struct Rules<'r> {
    /// The time.
    pub now: Timestamp,
    /// Every strategy there is.
    pub strategies: &'r [Arc<Strategy>],
    /// What the institution may do.
    pub profile: &'r InstitutionProfile,
    /// For strategies that take the cheapest channel first.
    pub prices: &'r PriceList,
    /// Validity when none is given.
    pub validity_default: Duration,
    /// The longest validity.
    pub validity_max: Duration,
    /// To whom the key may write.
    pub reaches: Reaches,
}

/// What a message and a broadcast have in common, checked.
#[derive(Debug)]
pub struct Terms {
    /// How; its order is decided.
    pub strategy: Arc<Strategy>,
    /// What.
    pub content: Content,
    /// How urgently.
    pub lane: Lane,
    /// Not before; `ZERO` for at once.
    pub not_before: Timestamp,
    /// Nothing is sent at or after this.
    pub valid_until: Timestamp,
    /// The sender's own reference.
    pub sender_reference: Option<Box<str>>,
    /// Whom the citizen sees as the sender.
    pub sender_name: Option<Box<str>>,
}

/// A message, checked.
#[derive(Debug)]
pub struct Single {
    /// To whom.
    pub recipient: Recipient,
    /// The language asked for.
    pub language: Option<Language>,
    /// The rest.
    pub terms: Terms,
}

/// The latest date that it is anywhere in Belgium: a child may have a NISS on the day of its birth.
pub fn today(now: Timestamp) -> Date {
    let at = jiff::Timestamp::from_millisecond(now.millis() as i64).unwrap_or(jiff::Timestamp::MAX);
    jiff::tz::offset(2).to_datetime(at).date()
}

/// Reads a message.
pub fn single(body: &[u8], rules: &Rules<'_>) -> Result<Single, Problem> {
    let mut faults = Faults::default();
    let parsed = Object::of(Json::parse(body)?, "", &mut faults).and_then(|mut object| {
        let recipient = if let Some(recipient) = object.object("recipient", "/recipient", &mut faults) {
            let found = self::recipient(recipient, today(rules.now), &mut faults);
            if let Some(Err(what)) = found.map(|found| rules.reaches.check(&found)) {
                faults.add("/recipient", what);
            }
            found
        } else {
            missing(&object, "recipient", "give the recipient's mobile, niss or cbe", &mut faults);
            None
        };
        let language = object.parsed("language", &mut faults, Language::parse);
        let terms = terms(&mut object, rules, Lane::Normal, &mut faults);
        object.finish(MESSAGE, &mut faults);
        Some(Single { recipient: recipient?, language, terms: terms? })
    });
    done(parsed, faults)
}

/// Reads a broadcast, and when it may be sent. `longest_sms` is how many characters an SMS may have, where that is bounded.
pub fn broadcast(
    body: &[u8],
    rules: &Rules<'_>,
    longest_sms: Option<usize>,
) -> Result<(Terms, Option<Window>), Problem> {
    let mut faults = Faults::default();
    let parsed = Object::of(Json::parse(body)?, "", &mut faults).and_then(|mut object| {
        let terms = terms(&mut object, rules, Lane::Bulk, &mut faults);
        let window = window::read(&mut object, &mut faults);
        if let Some(terms) = &terms {
            if !terms.content.sealed.is_empty() {
                faults.add("/content/encrypted", "is for one recipient: send single messages to encrypt end to end");
            }
            let sms = longest_sms.filter(|_| terms.strategy.channels().any(|channel| channel == Channel::SMS));
            if let Err(error) = Template::of(&terms.content, &terms.content.variables(), sms).check_fixed() {
                faults.add("/content", format_args!("whatever its variables are, {error}"));
            }
            let binds = window.as_ref().filter(|_| terms.lane != Lane::Urgent);
            if let Some(window) = binds
                && let Err(what) = window::opens(window, terms.not_before.max(rules.now), terms.valid_until)
            {
                faults.add("/window", what);
            }
        }
        object.finish(BROADCAST, &mut faults);
        Some((terms?, window))
    });
    done(parsed, faults)
}

fn done<T>(parsed: Option<T>, faults: Faults) -> Result<T, Problem> {
    match parsed {
        Some(parsed) if faults.is_empty() => Ok(parsed),
        _ => Err(Problem::InvalidRequest(faults.into_inner())),
    }
}

/// A member that must be there. When it was there and wrong, that was said already.
fn missing(object: &Object<'_>, name: &str, hint: &str, faults: &mut Faults) {
    if !faults.mentions(object.pointer(), name) {
        object.fault(name, format_args!("missing: {hint}"), faults);
    }
}

/// Reads `{mobile, niss, cbe}`, at least one of them.
pub fn recipient(mut object: Object<'_>, today: Date, faults: &mut Faults) -> Option<Recipient> {
    let before = faults.len();
    let found = Recipient {
        niss: object.parsed("niss", faults, |text| Niss::parse(text, today)),
        mobile: object.parsed("mobile", faults, Mobile::parse),
        cbe: object.parsed("cbe", faults, Cbe::parse),
    };
    let pointer = object.pointer();
    object.finish("mobile, niss, cbe", faults);
    if found.is_empty() && faults.len() == before {
        faults.add(pointer, "nobody is named: give mobile, niss or cbe");
    }
    (!found.is_empty()).then_some(found)
}

fn terms(object: &mut Object<'_>, rules: &Rules<'_>, lane: Lane, faults: &mut Faults) -> Option<Terms> {
    let content = if let Some(content) = object.object("content", "/content", faults) {
        self::content(content, faults)
    } else {
        missing(object, "content", "give text, html or title by language", faults);
        None
    };
    let strategy = if let Some(name) = object.text("strategy", faults) {
        let found = find(&name, rules);
        if found.is_none() {
            object.fault("strategy", "no strategy of this name is yours to use: see GET /v1/strategies", faults);
        }
        found
    } else {
        missing(object, "strategy", "give the name of one of GET /v1/strategies", faults);
        None
    };
    let lane = object.parsed("priority", faults, self::lane).unwrap_or(lane);
    let not_before = object.parsed("not_before", faults, Timestamp::parse).filter(|at| *at > rules.now);
    let valid_until = object.parsed("valid_until", faults, Timestamp::parse);
    let valid_until = validity(object, rules, not_before, valid_until, faults);
    let sender_reference = object.parsed("sender_reference", faults, |text| line(text, MAX_REFERENCE));
    let sender_name = object.parsed("sender_name", faults, |text| sender_name(text, rules.profile));
    let (strategy, content) = (strategy?, content?);
    if !content.sealed.is_empty()
        && strategy.channels().any(|channel| channel != Channel::GOVAPP)
        && !content.has_clear_body()
    {
        object.fault(
            "content",
            "the strategy may leave GovApp, where nobody can read what is encrypted: give a text in clear for the others, or govapp-only",
            faults,
        );
    }
    Some(Terms {
        strategy: decided(strategy, &content, rules),
        content,
        lane,
        not_before: not_before.unwrap_or(Timestamp::ZERO),
        valid_until,
        sender_reference,
        sender_name: sender_name.or_else(|| rules.profile.sender_name.clone()),
    })
}

fn validity(
    object: &Object<'_>,
    rules: &Rules<'_>,
    not_before: Option<Timestamp>,
    given: Option<Timestamp>,
    faults: &mut Faults,
) -> Timestamp {
    let begin = not_before.unwrap_or(rules.now);
    let latest = rules.now.plus(rules.validity_max);
    if begin >= latest {
        object.fault(
            "not_before",
            format_args!("further ahead than the longest validity: give a time before {latest}"),
            faults,
        );
    }
    let Some(until) = given else { return begin.plus(rules.validity_default).min(latest) };
    if until <= rules.now {
        object.fault("valid_until", "in the past: give a time to come", faults);
    } else if until <= begin {
        object.fault("valid_until", "not after not_before: nothing could be sent; give a later time", faults);
    } else if until > latest {
        object.fault("valid_until", format_args!("too far ahead: give a time up to {latest}"), faults);
    }
    until
}

fn find(name: &str, rules: &Rules<'_>) -> Option<Arc<Strategy>> {
    let strategy = rules.strategies.iter().find(|strategy| &*strategy.name == name)?;
    rules.profile.may_use(name).then(|| Arc::clone(strategy))
}

/// With the order of its steps decided by the prices of today, where it asks for that.
fn decided(strategy: Arc<Strategy>, content: &Content, rules: &Rules<'_>) -> Arc<Strategy> {
    if strategy.order != Order::Cheapest {
        return strategy;
    }
    let rendition = content.in_language(None, None, rules.profile.default_language);
    let parts = segment::measure(&rendition.text).parts;
    Arc::new(Strategy::clone(&strategy).ordered(rules.prices, parts as u32))
}

/// Reads `{title, text, html}`, each by language.
fn content(mut object: Object<'_>, faults: &mut Faults) -> Option<Content> {
    let before = faults.len();
    let sealed = sealed(&mut object, faults);
    let title = translated(&mut object, "title", "/content/title", faults);
    let text = translated(&mut object, "text", "/content/text", faults);
    let html = translated(&mut object, "html", "/content/html", faults);
    object.finish("title, text, html, encrypted", faults);
    if faults.len() > before {
        return None;
    }
    Content::sealed(title, text, html, sealed).map_err(|error| faults.add("/content", error)).ok()
}

/// Reads `{receiver: JWE}`; each JWE is checked for its form and never opened.
fn sealed(object: &mut Object<'_>, faults: &mut Faults) -> Sealed {
    const AT: &str = "/content/encrypted";
    let mut found = Sealed::new();
    let Some(receivers) = object.object("encrypted", AT, faults) else { return found };
    let members = receivers.into_members();
    if members.is_empty() || members.len() > MAX_RECEIVERS {
        faults.add(AT, format_args!("give 1 to {MAX_RECEIVERS} receivers"));
        return found;
    }
    for (place, (name, value)) in members.into_iter().enumerate() {
        // The place and not the name, which could be anything.
        let mut fault = |what: &dyn std::fmt::Display| faults.add(AT, format_args!("member {}: {what}", place + 1));
        let Ok(receiver) = name.parse::<Receiver>() else {
            fault(&NoReceiver);
            continue;
        };
        let Json::Text(text) = value else {
            fault(&"must be a string");
            continue;
        };
        match Jwe::parse(&text) {
            _ if found.iter().any(|(known, _)| *known == receiver) => {
                fault(&"the receiver is given twice: give it once");
            }
            Ok(jwe) => found.push((receiver, jwe)),
            Err(error) => fault(&error),
        }
    }
    found
}

fn translated(object: &mut Object<'_>, name: &str, pointer: &'static str, faults: &mut Faults) -> Translated<Box<str>> {
    let mut found = Translated::default();
    let Some(languages) = object.object(name, pointer, faults) else { return found };
    for (code, value) in languages.into_members() {
        let Ok(language) = Language::parse(&code) else {
            faults.add(pointer, "one of its members is no language: give fr, nl, de or en");
            continue;
        };
        match value {
            Json::Null => {}
            Json::Text(text) => {
                if found.set(language, Box::from(text)).is_some() {
                    faults.add(format!("{pointer}/{language}"), "given twice: give it once");
                }
            }
            _ => faults.add(format!("{pointer}/{language}"), "must be a string"),
        }
    }
    found
}

fn lane(text: &str) -> Result<Lane, &'static str> {
    Lane::ALL.into_iter().find(|lane| lane.as_str() == text).ok_or("unknown priority: give urgent, normal or bulk")
}

/// A name that the institution may send under.
fn sender_name(text: &str, profile: &InstitutionProfile) -> Result<Box<str>, String> {
    let name = line(text, MAX_SENDER_NAME)?;
    if profile.may_send_as(&name) {
        return Ok(name);
    }
    let own: Vec<_> = profile.senders().collect();
    Err(format!("not a name of yours: give one of {}, or leave it out", own.join(", ")))
}

/// One line of text, of at most `limit` characters.
pub fn line(text: &str, limit: usize) -> Result<Box<str>, String> {
    let length = text.chars().count();
    if length == 0 || length > limit {
        return Err(format!("has {length} characters: give 1 to {limit}"));
    }
    if text.chars().any(char::is_control) {
        return Err("has a control character: give one line of plain text".to_owned());
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests;
