//! What a query asks for: which documents, and which page of them.
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mailbox::item::{Filter, SEARCH_LENGTH};
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::domain::month::begin_of;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::PAGE_MAX;

use super::codes::Code;
use super::refused::Refused;
use crate::api::problem::Fault;

/// Things on a page when none are asked for.
const PAGE: usize = 25;
/// The last page that can be asked for.
const LAST: usize = i32::MAX as usize;
const PAGED: &str = "page, pageSize";
const FILTERED: &str = "page, pageSize, receivedBefore, receivedAfter, expiredBefore, expiredAfter, readStatus, visible, messageTypeId, \
                        senderOrganizationId, senderApplicationId, q, qlang, registeredMail";

/// A page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Things before it.
    pub skip: usize,
    /// Things on it at most.
    pub limit: usize,
}

/// Which page of something is asked for, and nothing else.
pub fn page(parameters: Vec<(String, String)>) -> Result<Page, Refused> {
    let mut asked = Asked::default();
    for (name, value) in parameters {
        let known = asked.paging(&name, &value);
        asked.note(name, known, PAGED);
    }
    asked.done().map(|(page, _)| page)
}

/// Which documents are asked for, and which page of them. Days are those of Brussels: before a day means before it begins, after a day
/// means on it or later.
pub fn filter(parameters: Vec<(String, String)>) -> Result<(Page, Filter), Refused> {
    let mut asked = Asked::default();
    let (mut words, mut language) = (None, None);
    for (name, value) in parameters {
        let filter = &mut asked.filter;
        let read: Option<Result<(), String>> = match name.as_str() {
            "receivedBefore" => Some(day(&value).map(|at| filter.received_before = Some(at))),
            "receivedAfter" => Some(day(&value).map(|at| filter.received_after = Some(at))),
            "expiredBefore" => Some(day(&value).map(|at| filter.expired_before = Some(at))),
            "expiredAfter" => Some(day(&value).map(|at| filter.expired_after = Some(at))),
            "readStatus" => Some(truth(&value).map(|truth| filter.is_read = Some(truth))),
            "visible" => Some(truth(&value).map(|truth| filter.is_visible = Some(truth))),
            "registeredMail" => Some(truth(&value).map(|truth| filter.is_registered = Some(truth))),
            "messageTypeId" => Some(id(&value).map(|id| filter.message_type = Some(id))),
            "senderApplicationId" => Some(id(&value).map(|id| filter.application = Some(id))),
            "senderOrganizationId" => Some(match Cbe::parse(&value) {
                Ok(cbe) => {
                    filter.sender = Some(cbe);
                    Ok(())
                }
                Err(error) => Err(error.to_string()),
            }),
            "q" => Some(searched(&value).map(|found| words = Some(found))),
            "qlang" => {
                Some(Language::parse(&value).map(|found| language = Some(found)).map_err(|error| error.to_string()))
            }
            _ => asked.paging(&name, &value),
        };
        asked.note(name, read, FILTERED);
    }
    match (words, language) {
        (Some(words), Some(language)) => asked.filter.words = Some((words, language)),
        (Some(_), None) => asked.faults.push(Fault::new("qlang", "missing: say in which language q is looked for")),
        (None, _) => {}
    }
    asked.done()
}

/// What was read so far.
struct Asked {
    page: usize,
    size: usize,
    filter: Filter,
    seen: Vec<String>,
    faults: Vec<Fault>,
}

impl Default for Asked {
    fn default() -> Self {
        Self { page: 1, size: PAGE, filter: Filter::default(), seen: Vec::new(), faults: Vec::new() }
    }
}

impl Asked {
    fn paging(&mut self, name: &str, value: &str) -> Option<Result<(), String>> {
        match name {
            "page" => Some(number(value, LAST).map(|page| self.page = page)),
            "pageSize" => Some(number(value, PAGE_MAX).map(|size| self.size = size)),
            _ => None,
        }
    }

    fn note(&mut self, name: String, read: Option<Result<(), String>>, known: &str) {
        let name: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
        match read {
            None => self.faults.push(Fault::new(name, format!("unknown here: give {known}"))),
            Some(Err(detail)) => self.faults.push(Fault::new(name, detail)),
            Some(Ok(())) if self.seen.contains(&name) => {
                self.faults.push(Fault::new(name, "given twice: give it once"));
            }
            Some(Ok(())) => self.seen.push(name),
        }
    }

    fn done(self) -> Result<(Page, Filter), Refused> {
        if !self.faults.is_empty() {
            return Err(Refused::faults(Code::InvalidQuery, self.faults));
        }
        Ok((Page { skip: (self.page - 1).saturating_mul(self.size), limit: self.size }, self.filter))
    }
}

/// Reads a whole number from 1.
pub fn number(text: &str, most: usize) -> Result<usize, String> {
    let found = text.parse().ok().filter(|number| (1..=most).contains(number));
    found.ok_or_else(|| format!("give 1 to {most}"))
}

fn day(text: &str) -> Result<Timestamp, String> {
    let is_form = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let day = text.parse().ok().filter(|_| is_form);
    day.map(begin_of).ok_or_else(|| "not a day of the calendar: write it YYYY-MM-DD".to_owned())
}

fn truth(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "give true or false".to_owned())
}

fn id(text: &str) -> Result<RefId, String> {
    RefId::parse(text).map_err(|error| error.to_string())
}

fn searched(text: &str) -> Result<Box<str>, String> {
    let length = text.trim().chars().count();
    if (1..=SEARCH_LENGTH).contains(&length) {
        return Ok(text.trim().into());
    }
    Err(format!("give 1 to {SEARCH_LENGTH} characters to look for"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn every_filter_is_read() {
        let (page, filter) = filter(pairs(&[
            ("page", "3"),
            ("pageSize", "100"),
            ("receivedBefore", "2026-07-01"),
            ("receivedAfter", "2026-06-01"),
            ("expiredBefore", "2027-01-01"),
            ("expiredAfter", "2026-12-01"),
            ("readStatus", "false"),
            ("visible", "true"),
            ("registeredMail", "true"),
            ("messageTypeId", "tax-letter"),
            ("senderApplicationId", "app:1"),
            ("senderOrganizationId", "0403019261"),
            ("q", " pension "),
            ("qlang", "fr"),
        ]))
        .unwrap();
        assert_eq!(page, Page { skip: 200, limit: 100 });
        assert_eq!(filter.received_before.unwrap().to_string(), "2026-06-30T22:00:00.000Z");
        assert_eq!((filter.is_read, filter.is_visible, filter.is_registered), (Some(false), Some(true), Some(true)));
        assert_eq!(filter.words, Some(("pension".into(), Language::Fr)));
        assert!(filter.message_type.is_some() && filter.application.is_some() && filter.sender.is_some());
    }

    #[test]
    fn a_page_that_can_not_be_and_words_in_no_language_are_refused() {
        assert_eq!(super::page(pairs(&[])).unwrap(), Page { skip: 0, limit: 25 });
        for wrong in [
            &[("page", "0")][..],
            &[("page", "-1")],
            &[("pageSize", "0")],
            &[("pageSize", "101")],
            &[("q", "pension")],
            &[("q", ""), ("qlang", "fr")],
            &[("q", "pension"), ("qlang", "es")],
            &[("receivedBefore", "2026-02-29")],
            &[("receivedBefore", "01-02-2026")],
            &[("receivedBefore", "2026-02-01T00:00")],
            &[("visible", "yes")],
            &[("messageTypeId", "a b")],
            &[("senderOrganizationId", "1")],
            &[("page", "1"), ("page", "2")],
            &[("eboxIdValue", "85073003328")],
        ] {
            let refused = filter(pairs(wrong)).unwrap_err();
            assert!(refused.code == Code::InvalidQuery && !refused.message.contains("85073003328"), "{wrong:?}");
        }
        assert!(super::page(pairs(&[("visible", "true")])).is_err());
    }
}
