//! Whatever is published, linked, read, shown, listed and passes, in whatever order and with whatever ends between: what mailboxes
//! say is what a model in memory says, which is a list of items and a list of events.
use std::collections::BTreeMap;

use estafette_actors::domain::mailbox::event::{self, Event, Kind};
use estafette_actors::domain::mailbox::item::{Item, State};
use estafette_actors::domain::mailbox::reference::{MessageType, Unit, Validity};
use proptest::prelude::*;

use super::*;

const MAILBOXES: u64 = 6;

fn mailbox(number: u64) -> MailboxId {
    if number % 3 == 2 { enterprise(number as u32) } else { citizen(number) }
}

#[derive(Clone, Debug)]
enum Step {
    Publish { recipients: Vec<u64>, days: u64, is_secret: bool, is_registered: bool },
    Link { document: usize, recipients: Vec<u64> },
    Read { document: usize, mailbox: u64, is_main: bool },
    Show { document: usize, mailbox: u64, is_visible: bool },
    Pass { hours: u64 },
    Tick,
    Reopen,
    Kill,
    List { mailbox: u64, filter: Filter, has_right: bool },
}

fn filters() -> impl Strategy<Value = Filter> {
    let maybe = || proptest::option::weighted(0.3, any::<bool>());
    let time =
        || proptest::option::weighted(0.2, (0..60_u64).prop_map(|days| Timestamp::from_millis(START + days * A_DAY)));
    let word = proptest::option::weighted(0.2, 0..12_u64);
    (maybe(), maybe(), maybe(), time(), time(), word, maybe()).prop_map(
        |(is_read, is_visible, is_registered, received_after, expired_before, word, is_secret)| Filter {
            is_read,
            is_visible,
            is_registered,
            received_after,
            expired_before,
            words: word.map(|number| (format!("lettre {number}").into(), Language::Fr)),
            message_type: is_secret.map(|is_secret| RefId::parse(if is_secret { "secret" } else { "letter" }).unwrap()),
            ..Filter::default()
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let some = || proptest::collection::vec(0..MAILBOXES, 1..5);
    let publish =
        (some(), 5..60_u64, any::<bool>(), any::<bool>()).prop_map(|(recipients, days, is_secret, is_registered)| {
            Step::Publish { recipients, days, is_secret, is_registered }
        });
    let link = (0..20_usize, some()).prop_map(|(document, recipients)| Step::Link { document, recipients });
    let read = (0..20_usize, 0..MAILBOXES, any::<bool>()).prop_map(|(document, mailbox, is_main)| Step::Read {
        document,
        mailbox,
        is_main,
    });
    let show = (0..20_usize, 0..MAILBOXES, any::<bool>()).prop_map(|(document, mailbox, is_visible)| Step::Show {
        document,
        mailbox,
        is_visible,
    });
    let list = (0..MAILBOXES, filters(), any::<bool>()).prop_map(|(mailbox, filter, has_right)| Step::List {
        mailbox,
        filter,
        has_right,
    });
    let step = prop_oneof![
        6 => publish,
        5 => link,
        5 => read,
        3 => show,
        4 => (1..400_u64).prop_map(|hours| Step::Pass { hours }),
        3 => Just(Step::Tick),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
        8 => list,
    ];
    proptest::collection::vec(step, 1..60)
}

/// A call that linked.
struct Call {
    document: usize,
    at: Timestamp,
    recipients: Vec<u64>,
    due: Option<(Timestamp, Kind)>,
}

#[derive(Default)]
struct Model {
    documents: Vec<Document>,
    calls: Vec<Call>,
    /// By document and key of the mailbox.
    states: BTreeMap<(usize, u64), State>,
    events: BTreeMap<Audience, Vec<(Kind, u64, DocumentId, Timestamp)>>,
}

impl Model {
    fn tell(&mut self, kind: Kind, document: usize, at: Timestamp, keys: &[u64]) {
        for key in keys {
            let of = MailboxId::from_key(*key).audience();
            self.events.entry(of).or_default().push((kind, *key, self.documents[document].id, at));
        }
    }

    fn has(&self, document: usize, key: u64) -> bool {
        self.calls.iter().any(|call| call.document == document && call.recipients.contains(&key))
    }

    fn is_over(&self, document: usize, now: Timestamp) -> bool {
        self.documents.get(document).is_none_or(|document| document.expires_at <= now)
    }

    fn link(&mut self, document: usize, recipients: &[u64], at: Timestamp) -> u32 {
        let mut keys: Vec<u64> = recipients.iter().map(|number| mailbox(*number).key()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.retain(|key| !self.has(document, *key));
        if !keys.is_empty() {
            self.tell(Kind::NewDocument, document, at, &keys);
            let due = event::next(at, self.documents[document].expires_at, at);
            self.calls.push(Call { document, at, recipients: keys.clone(), due });
        }
        keys.len() as u32
    }

    fn state(&self, document: usize, key: u64) -> State {
        self.states.get(&(document, key)).copied().unwrap_or_default()
    }

    fn tick(&mut self, now: Timestamp) {
        loop {
            let due = |(place, call): (usize, &Call)| call.due.map(|(at, _)| (at, place));
            let next = self.calls.iter().enumerate().filter_map(due).min().filter(|(at, _)| *at <= now);
            let Some((at, place)) = next else { return };
            let (document, (_, kind)) = (self.calls[place].document, self.calls[place].due.unwrap());
            self.calls[place].due = None;
            if !self.is_over(document, now) {
                let call = &self.calls[place];
                let is_unread = |key: &u64| self.state(document, *key).read_at.is_none();
                let unread: Vec<u64> = call.recipients.iter().copied().filter(is_unread).collect();
                self.calls[place].due = event::next(call.at, self.documents[document].expires_at, at);
                self.tell(kind, document, now, &unread);
            }
        }
    }

    /// All items of a mailbox, newest first.
    fn items(&self, of: MailboxId, now: Timestamp) -> Vec<Item> {
        let of_call = |call: &Call| {
            let document = Arc::new(self.documents[call.document].clone());
            let (received_at, expires_at) = (call.at, document.expires_at);
            Item { mailbox: of, document, received_at, expires_at, state: self.state(call.document, of.key()) }
        };
        let is_in = |call: &&Call| call.recipients.contains(&of.key()) && !self.is_over(call.document, now);
        self.calls.iter().rev().filter(is_in).map(of_call).collect()
    }
}

fn same(one: &Item, other: &Item) -> bool {
    (one.document.id, one.received_at, one.expires_at, one.state)
        == (other.document.id, other.received_at, other.expires_at, other.state)
}

fn copy(from: &std::path::Path, into: &std::path::Path, files: &[&str]) {
    for file in files {
        std::fs::copy(from.join(file), into.join(file)).unwrap();
    }
}

struct World {
    folder: tempfile::TempDir,
    clock: Arc<Hand>,
    mailboxes: Mailboxes,
    model: Model,
    /// How long events are kept.
    kept: Duration,
}

impl World {
    fn open(folder: &std::path::Path, clock: &Arc<Hand>, kept: Duration) -> Mailboxes {
        let settings = Settings { events_kept: kept, ..settings(folder) };
        Mailboxes::open(settings, [7; 32], Arc::new(Plain), Arc::clone(clock) as Arc<dyn Clock>).unwrap()
    }

    async fn new(kept: Duration) -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
        let mailboxes = Self::open(folder.path(), &clock, kept);
        for (id, right) in [("letter", None), ("secret", Some(RefId::parse("right").unwrap()))] {
            let definition = MessageType {
                id: RefId::parse(id).unwrap(),
                names: Translated::of(Language::Fr, "Type".into()),
                descriptions: Translated::new(),
                validity: Validity::new(1, Unit::Year).unwrap(),
                audience: None,
                may_be_registered: true,
                right,
                organizations: vec![],
                applications: vec![],
            };
            mailboxes.define_type(access(), definition).await.unwrap();
        }
        Self { folder, clock, mailboxes, model: Model::default(), kept }
    }

    /// On a copy of some files.
    fn reopen(&mut self, files: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        copy(self.folder.path(), folder.path(), files);
        self.mailboxes = Self::open(folder.path(), &self.clock, self.kept);
        self.folder = folder;
    }

    async fn take(&mut self, step: Step) {
        let now = self.clock.now();
        match step {
            Step::Publish { recipients, days, is_secret, is_registered } => {
                let number = self.model.documents.len();
                let message_type = RefId::parse(if is_secret { "secret" } else { "letter" }).unwrap();
                let expires_at = now.plus(DAY * days as u32);
                let document = Document { expires_at, is_registered, message_type, ..plain(number as u64, now) };
                self.model.documents.push(document.clone());
                let recipients_of: Vec<MailboxId> = recipients.iter().map(|number| mailbox(*number)).collect();
                let linked = publish(&self.mailboxes, document, recipients_of).await.unwrap();
                assert_eq!(linked.new, self.model.link(number, &recipients, now));
            }
            Step::Link { document, recipients } => {
                let id = self.model.documents.get(document).map_or(DocumentId::from_u128(1), |document| document.id);
                let recipients_of: Vec<MailboxId> = recipients.iter().map(|number| mailbox(*number)).collect();
                let linked = self.mailboxes.link(access(), sender(), id, recipients_of).await;
                if self.model.is_over(document, now) {
                    assert_eq!(linked, Err(Trouble::NotFound));
                } else {
                    assert_eq!(linked.unwrap().new, self.model.link(document, &recipients, now));
                }
            }
            Step::Read { document, mailbox: number, is_main } => {
                let (of, key) = (mailbox(number), mailbox(number).key());
                let id = self.model.documents.get(document).map_or(DocumentId::from_u128(1), |document| document.id);
                let read = self.mailboxes.read(holder(number), of, id, is_main).await;
                if self.model.is_over(document, now) || !self.model.has(document, key) {
                    assert_eq!(read, Err(Trouble::NotFound));
                    return;
                }
                let mut state = self.model.state(document, key);
                if is_main && state.read_at.is_none() {
                    state.read_at = Some(now);
                    self.model.states.insert((document, key), state);
                    self.model.tell(Kind::ReadDocument, document, now, &[key]);
                }
                assert_eq!(read.unwrap().state, state);
            }
            Step::Show { document, mailbox: number, is_visible } => {
                let (of, key) = (mailbox(number), mailbox(number).key());
                let id = self.model.documents.get(document).map_or(DocumentId::from_u128(1), |document| document.id);
                let shown = self.mailboxes.show(holder(number), of, vec![(id, is_visible)]).await;
                if self.model.is_over(document, now) || !self.model.has(document, key) {
                    assert_eq!(shown, Err(Trouble::NotFound));
                    return;
                }
                shown.unwrap();
                let state = State { is_visible, ..self.model.state(document, key) };
                self.model.states.insert((document, key), state);
            }
            Step::Pass { hours } => {
                self.clock.on(hours * 3_600 * 1_000);
            }
            Step::Tick => {
                while self.mailboxes.tick(now).await.unwrap().has_more {}
                self.model.tick(now);
            }
            Step::Reopen => {
                self.mailboxes.close();
                self.reopen(&[FILE, "mailbox.log.redb", INDEX]);
            }
            Step::Kill => {
                let (from, into) = (self.folder.path().to_owned(), tempfile::tempdir().unwrap());
                let image = into.path().to_owned();
                let copied =
                    self.mailboxes.engine().between_commits(move || copy(&from, &image, &[FILE, "mailbox.log.redb"]));
                copied.await.unwrap();
                self.mailboxes = Self::open(into.path(), &self.clock, self.kept);
                self.folder = into;
            }
            Step::List { mailbox: number, filter, has_right } => self.list(mailbox(number), &filter, has_right).await,
        }
    }

    async fn list(&self, of: MailboxId, filter: &Filter, has_right: bool) {
        let right = RefId::parse("right").unwrap();
        let rights = Rights::Only(if has_right { vec![right] } else { vec![] });
        let (now, reference) = (self.clock.now(), self.mailboxes.reference());
        let secret = RefId::parse("secret").unwrap();
        let seen = self.model.items(of, now).into_iter();
        let seen: Vec<Item> = seen.filter(|item| has_right || item.document.message_type != secret).collect();
        let summary = self.mailboxes.summary(of, rights.clone()).await.unwrap();
        assert_eq!(summary.count, seen.len() as u64);
        assert_eq!(summary.unread, seen.iter().filter(|item| item.state.read_at.is_none()).count() as u64);
        assert_eq!(summary.bytes, seen.iter().map(|item| item.document.size()).sum::<u64>());
        assert_eq!(summary.last_received_at, seen.iter().map(|item| item.received_at).max());
        let wanted: Vec<&Item> = seen.iter().filter(|item| filter.takes(item, &reference)).collect();
        for (skip, limit) in [(0, 2), (1, 3), (3, 100), (50, 1)] {
            let page = self.mailboxes.items(of, rights.clone(), filter.clone(), skip, limit).await.unwrap();
            assert_eq!(page.total, wanted.len() as u64);
            let expected: Vec<&&Item> = wanted.iter().skip(skip).take(limit).collect();
            assert_eq!(page.items.len(), expected.len());
            assert!(page.items.iter().zip(expected).all(|(one, other)| same(one, other)));
        }
    }

    /// All that is still kept is what was told, under its number; what is not kept was told long ago.
    async fn check_events(&self, of: Audience) {
        let told = |event: &Event| (event.kind, event.mailbox.key(), event.document, event.at);
        let all = self.model.events.get(&of).cloned().unwrap_or_default();
        let first = self.mailboxes.events(of, 0, None, 1).await.unwrap().events.first().map(|event| event.sequence);
        let mut next = first.unwrap_or(all.len() as u64 + 1);
        let is_old = |(.., at): &(Kind, u64, DocumentId, Timestamp)| self.clock.now().since(*at) > self.kept;
        assert!(all[..next as usize - 1].iter().all(is_old), "events went too early");
        loop {
            let page = self.mailboxes.events(of, next - 1, None, 7).await.unwrap();
            for event in &page.events {
                assert_eq!((event.sequence, told(event)), (next, all[next as usize - 1]));
                next += 1;
            }
            if !page.has_next {
                assert_eq!(next, all.len() as u64 + 1);
                return;
            }
        }
    }

    async fn check(&self) {
        for number in 0..MAILBOXES {
            self.list(mailbox(number), &Filter::default(), true).await;
            for (place, document) in self.model.documents.iter().enumerate() {
                let item = self.mailboxes.item(mailbox(number), Rights::All, document.id).await.unwrap();
                let is_there =
                    self.model.has(place, mailbox(number).key()) && !self.model.is_over(place, self.clock.now());
                assert_eq!(item.map(|item| item.document), is_there.then(|| Arc::new(document.clone())));
            }
        }
        for of in [Audience::Citizen, Audience::Enterprise] {
            self.check_events(of).await;
        }
        assert!(self.mailboxes.verify_audit().unwrap().is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn mailboxes_say_what_a_list_in_memory_says(steps in steps(), days in prop_oneof![Just(5_u32), Just(90), Just(10_000)]) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(DAY * days).await;
            for step in steps {
                world.take(step).await;
            }
            world.check().await;
        });
    }
}
