//! What an operator is told of a message is on disk, whatever the live state says meanwhile.
use std::sync::Arc;

use estafette_actors::broker::{Admission, Broker, Gate, Inner, Mint, Words};
use estafette_actors::delivery;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::fact::Change;
use estafette_actors::domain::id::{BroadcastId, MessageId};
use estafette_actors::domain::life::State;
use estafette_actors::domain::status::MessageStatus;
use estafette_actors::domain::submission::{Broadcast, Envelope, Row};
use estafette_actors::intake::Intake;
use estafette_actors::nursery::{Budget, Child};
use estafette_actors::ports::{Batch, Journal, JournalError, JournalFigures, SystemClock};
use serde_json::json;

use crate::support::{Told, World, taken};
use crate::talk::{ask, listen, over, settings, submit};

/// A journal whose live states are ahead of the disk: every message was cancelled, and no commit says so yet.
struct Ahead(Arc<dyn Journal>);

impl Journal for Ahead {
    fn append(&self, batch: Batch) -> Result<(), JournalError> {
        self.0.append(batch)
    }

    fn pack(&self, row: &Row, bytes: &mut Vec<u8>) {
        self.0.pack(row, bytes);
    }

    fn live(&self, id: MessageId) -> Option<State> {
        let mut state = self.0.live(id).unwrap_or_default();
        state.apply(&Change::Settled { status: MessageStatus::Cancelled });
        Some(state)
    }

    fn broadcast(&self, id: BroadcastId) -> Option<Arc<Broadcast>> {
        self.0.broadcast(id)
    }

    fn next_broadcast(&self) -> u32 {
        self.0.next_broadcast()
    }

    fn read_only(&self) -> Option<String> {
        self.0.read_only()
    }

    fn figures(&self) -> JournalFigures {
        self.0.figures()
    }
}

#[actix_rt::test]
async fn no_state_that_is_ahead_of_the_disk_is_told_by_status_why_or_find() {
    let (_, core, _folder) = over(Told::new(Channel::SMS, taken), delivery::Settings::default()).await;
    let world = World::new(Vec::new(), delivery::Settings::default(), Budget::default());
    let later = core.broker.now().plus(std::time::Duration::from_secs(3_600));
    let id = submit(&core, Envelope { not_before: later, ..world.envelope("sms-only", 7) }).await;
    let supervisor = Child::named("supervisor");
    let ahead = Broker::new(Inner {
        intake: Intake::new(supervisor.clone()),
        supervisor,
        desks: core.broker.desks().to_vec(),
        registry: core.broker.registry().clone(),
        journal: Arc::new(Ahead(Arc::clone(core.broker.journal()))),
        archive: Arc::clone(core.broker.archive()),
        announcements: None,
        clock: Arc::new(SystemClock),
        admission: Gate::new(Admission::default()),
        mint: Mint::default(),
        words: Words::default(),
        service: Arc::default(),
    });
    let address = listen(&ahead, settings()).await;
    for command in [format!("STATUS {id}"), format!("WHY {id}")] {
        let told = ask(address, &command).await;
        assert_eq!((&told["status"], &told["reason"]), (&json!("waiting"), &json!("scheduled")), "{command}");
    }
    let found = ask(address, "FIND mobile +32470000007").await;
    assert_eq!((&found[0]["id"], &found[0]["status"]), (&json!(id.to_string()), &json!("waiting")));
    core.stop().await;
}
