//! The list of messages: filters, search, paging, and putting several away at once.
//!
//! The words that are searched for may say something about the holder: they travel in a form, and in addresses sealed only.
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Query};
use askama::Template;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mailbox::document::DocumentId;
use estafette_actors::domain::mailbox::item::{Filter, Item, SEARCH_LENGTH};
use estafette_actors::domain::mailbox::reference::{RefId, Reference};
use estafette_actors::ports::mailbox::{Change, PAGE_MAX};
use serde::Deserialize;

use super::frame::{Frame, Place, page};
use super::problem::Problem;
use super::request::{Fields, Holder, Posted, encoded, local};
use super::seal::Purpose;
use super::to;

mod row;

use row::Row;
pub use row::{Sender, Subject};

/// Pages that can be turned to.
const PAGES: usize = 4_000;

/// The routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/messages", web::get().to(list))
        .route("/search", web::post().to(search))
        .route("/messages/put-away", web::post().to(put_away));
}

/// What is asked for, as it stands in the address.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Asked {
    unread: String,
    r#type: String,
    from: String,
    away: String,
    find: String,
    page: String,
    done: String,
}

impl Asked {
    fn of(fields: &Fields) -> Self {
        let get = |name: &str| fields.get(name).to_owned();
        Self { unread: get("unread"), r#type: get("type"), from: get("from"), away: get("away"), ..Self::default() }
    }

    fn is_away(&self) -> bool {
        self.away == "1"
    }

    fn is_unread(&self) -> bool {
        self.unread == "1"
    }

    fn page(&self) -> usize {
        self.page.parse().unwrap_or(1).clamp(1, PAGES)
    }

    fn is_filtered(&self) -> bool {
        self.is_unread() || !self.r#type.is_empty() || !self.from.is_empty() || !self.find.is_empty()
    }

    fn filter(&self, words: Option<&str>, language: Language) -> Filter {
        Filter {
            is_visible: Some(!self.is_away()),
            is_read: self.is_unread().then_some(false),
            message_type: RefId::parse(&self.r#type).ok(),
            sender: Cbe::parse(&self.from).ok(),
            words: words.map(|words| (words.into(), language)),
            ..Filter::default()
        }
    }

    /// The address of a page of this.
    fn address(&self, page: usize) -> String {
        let number = if page > 1 { page.to_string() } else { String::new() };
        let parts = [
            ("away", &self.away),
            ("unread", &self.unread),
            ("type", &self.r#type),
            ("from", &self.from),
            ("find", &self.find),
            ("page", &number),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        if parts.is_empty() { "/mailbox/messages".to_owned() } else { format!("/mailbox/messages?{}", parts.join("&")) }
    }
}

struct Choice {
    value: String,
    name: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "web/list.html")]
struct Page {
    f: Frame,
    rows: Vec<Row>,
    found: String,
    unread: String,
    is_away: bool,
    is_unread: bool,
    is_filtered: bool,
    find: String,
    words: String,
    types: Vec<Choice>,
    senders: Vec<Choice>,
    without_filter: String,
    here: String,
    before: Option<String>,
    after: Option<String>,
    place: String,
    search_length: usize,
}

async fn list(holder: Holder, asked: Query<Asked>) -> Result<HttpResponse, Problem> {
    let (asked, visit) = (asked.into_inner(), holder.visit());
    let (site, texts, language) = (&visit.site, visit.texts(), visit.language);
    let each = site.settings.page_items;
    let words: Option<String> = site.seal.open(Purpose::Words, &asked.find).filter(|words: &String| !words.is_empty());
    let asked = Asked { find: if words.is_some() { asked.find } else { String::new() }, ..asked };
    let number = asked.page();
    let filter = asked.filter(words.as_deref(), language);
    // The first page without a filter tells what can be chosen as well.
    let is_first = !asked.is_filtered() && number == 1;
    let limit = if is_first { PAGE_MAX } else { each };
    let mut found = site.ebox.items(&holder.reader, filter, (number - 1) * each, limit).await?;
    let known = if is_first {
        found.items.clone()
    } else {
        let latest = Filter { is_visible: Some(!asked.is_away()), ..Filter::default() };
        let reader = &holder.reader;
        site.ebox.mailboxes().items(reader.mailbox, reader.rights.clone(), latest, 0, PAGE_MAX).await?.items
    };
    found.items.truncate(each);
    let summary = site.ebox.summary(&holder.reader).await?;
    consulted(&holder);

    let reference = site.ebox.mailboxes().reference();
    let title = if asked.is_away() { texts.say("list-away-title") } else { texts.say("list-title") };
    let mut f = visit.frame(if asked.is_away() { Place::Away } else { Place::Messages }, title);
    let here = asked.address(number);
    f.path.clone_from(&here);
    f.done = done(&asked.done).map(|key| texts.say(key));
    let pages = usize::try_from(found.total).unwrap_or(usize::MAX).div_ceil(each).clamp(1, PAGES);
    let without = Asked { away: asked.away.clone(), ..Asked::default() };
    if number > 1 || asked.is_filtered() {
        // Titles differ from page to page.
        f.title = format!("{} ({})", f.title, texts.with_both("list-page", ("page", number), ("pages", pages)));
    }
    let (types, senders) = choices(&known, &asked, &reference, language);
    let filled = Page {
        rows: found.items.iter().map(|item| Row::of(item, &reference, texts)).collect(),
        found: texts.with("list-found", "count", found.total),
        unread: texts.with("list-unread", "count", summary.unread),
        is_away: asked.is_away(),
        is_unread: asked.is_unread(),
        is_filtered: asked.is_filtered(),
        find: asked.find.clone(),
        words: words.unwrap_or_default(),
        types,
        senders,
        without_filter: without.address(1),
        before: (number > 1).then(|| asked.address(number - 1)),
        after: (number < pages).then(|| asked.address(number + 1)),
        place: texts.with_both("list-page", ("page", number), ("pages", pages)),
        search_length: SEARCH_LENGTH,
        here,
        f,
    };
    Ok(page(StatusCode::OK, &filled))
}

fn done(code: &str) -> Option<&'static str> {
    Some(match code {
        "activated" => "activate-done",
        "away" => "list-put-away",
        "back" => "list-brought-back",
        "none" => "list-none-selected",
        _ => return None,
    })
}

/// Notes once a minute at most that the holder looked; nothing waits for it.
fn consulted(holder: &Holder) {
    if holder.site().sessions.looks(&holder.person.signed, std::time::Instant::now()) {
        let reader = &holder.reader;
        let noted = holder.site().ebox.mailboxes().change(reader.access.clone(), reader.mailbox, Change::Consulted);
        actix_web::rt::spawn(async move {
            if let Err(error) = noted.await {
                tracing::warn!(%error, "it could not be noted that a holder looked");
            }
        });
    }
}

/// The types and senders of the latest messages, and what is chosen among them.
fn choices(known: &[Item], asked: &Asked, reference: &Reference, language: Language) -> (Vec<Choice>, Vec<Choice>) {
    let chosen = (RefId::parse(&asked.r#type).ok(), Cbe::parse(&asked.from).ok());
    let mut types: Vec<RefId> =
        known.iter().map(|item| item.document.message_type.clone()).chain(chosen.0.clone()).collect();
    let mut senders: Vec<Cbe> = known.iter().map(|item| item.document.sender.0).chain(chosen.1).collect();
    types.sort();
    types.dedup();
    senders.sort();
    senders.dedup();
    let types = types.into_iter().map(|id| Choice {
        name: row::type_name(&id, reference, language),
        is_chosen: chosen.0.as_ref() == Some(&id),
        value: id.to_string(),
    });
    let senders = senders.into_iter().map(|cbe| Choice {
        name: row::sender_name(cbe, reference, language),
        is_chosen: chosen.1 == Some(cbe),
        value: cbe.digits(),
    });
    let sorted = |choices: &mut dyn Iterator<Item = Choice>| {
        let mut choices: Vec<Choice> = choices.collect();
        choices.sort_by_cached_key(|choice| choice.name.to_lowercase());
        choices
    };
    (sorted(&mut types.into_iter()), sorted(&mut senders.into_iter()))
}

async fn search(posted: Posted<Holder>) -> HttpResponse {
    let Posted { by: holder, fields } = posted;
    let words: String = fields.get("words").chars().filter(|c| !c.is_control()).take(SEARCH_LENGTH).collect();
    let find = if words.is_empty() { String::new() } else { holder.site().seal.close(Purpose::Words, &words) };
    to(&Asked { find, ..Asked::of(&fields) }.address(1))
}

async fn put_away(posted: Posted<Holder>) -> Result<HttpResponse, Problem> {
    let Posted { by: holder, fields } = posted;
    let is_visible = fields.get("do") == "back";
    let ids: Result<Vec<DocumentId>, _> = fields.all("id").take(PAGE_MAX).map(str::parse).collect();
    let changes: Vec<_> = ids.map_err(|_| Problem::Unreadable)?.into_iter().map(|id| (id, is_visible)).collect();
    let code = match (changes.is_empty(), is_visible) {
        (true, _) => "none",
        (false, true) => "back",
        (false, false) => "away",
    };
    if !changes.is_empty() {
        let reader = &holder.reader;
        // Only what this person may see: of an enterprise not all of it.
        for (id, _) in &changes {
            let seen = holder.site().ebox.mailboxes().item(reader.mailbox, reader.rights.clone(), *id).await?;
            seen.ok_or(Problem::Gone)?;
        }
        holder.site().ebox.mailboxes().show(reader.access.clone(), reader.mailbox, changes).await?;
    }
    let back = match local(fields.get("back")) {
        back if back.starts_with("/mailbox/messages") && !back.starts_with("/mailbox/messages/") => back,
        _ => "/mailbox/messages",
    };
    let back = back.split("&done=").next().unwrap_or(back);
    let joined = if back.contains('?') { '&' } else { '?' };
    Ok(to(&format!("{back}{joined}done={code}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_was_asked_for_and_nothing_else() {
        let asked = Asked { unread: "1".into(), from: "0403019261".into(), done: "away".into(), ..Asked::default() };
        assert_eq!(asked.address(1), "/mailbox/messages?unread=1&from=0403019261");
        assert_eq!(asked.address(3), "/mailbox/messages?unread=1&from=0403019261&page=3");
        assert_eq!(Asked::default().address(1), "/mailbox/messages");
        assert!(asked.is_filtered() && !Asked { away: "1".into(), ..Asked::default() }.is_filtered());
        let forged = Asked { r#type: "\"><script>".into(), page: "-4".into(), ..Asked::default() };
        assert_eq!((forged.address(1).as_str(), forged.page()), ("/mailbox/messages?type=%22%3E%3Cscript%3E", 1));
    }
}
