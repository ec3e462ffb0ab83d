//! Tells a transport that has to ask what its channel took before this process started.
//!
//! Invariant: no more than the transport remembers is gathered, a page at a time, and nothing waits for it.
use std::sync::Arc;
use std::time::Duration;

use estafette_actors::broker::Broker;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{ArchiveError, Taken, Transport};

/// Broadcasts read at once.
const BROADCASTS: usize = 50;
/// How long before its sending a broadcast is created at most: the longest validity, and a day.
const AHEAD: Duration = Duration::from_secs(31 * 86_400);

/// Reminds one transport.
pub async fn remind(broker: Broker, transport: Arc<dyn Transport>) {
    let Some((age, most)) = transport.remembers() else { return };
    let reminding = Reminding { broker: &broker, transport: &*transport, left: most };
    if let Err(error) = reminding.run(transport.channel(), age).await {
        tracing::warn!(channel = %transport.channel(), %error, "what a channel took before can't all be asked about");
    }
}

fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_millis(at.millis().saturating_sub(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
}

struct Reminding<'r> {
    broker: &'r Broker,
    transport: &'r dyn Transport,
    /// How many may follow.
    left: usize,
}

impl Reminding<'_> {
    async fn run(mut self, channel: Channel, age: Duration) -> Result<(), ArchiveError> {
        let since = earlier(self.broker.now(), age);
        let archive = self.broker.archive();
        let mut before = None;
        while self.left > 0 {
            let page = archive.taken(channel, since, before).await?;
            self.tell(page.taken);
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        let mut before = None;
        while self.left > 0 {
            let page = archive.broadcasts(None, before, BROADCASTS).await?;
            for view in &page {
                let (id, created_at) = (view.broadcast.id, view.broadcast.created_at);
                before = Some(id);
                if created_at < earlier(since, AHEAD) {
                    return Ok(());
                }
                if view.started_at.is_none() || view.broadcast.valid_until < since {
                    continue;
                }
                for chunk in 0..view.chunks {
                    if self.left == 0 {
                        return Ok(());
                    }
                    self.tell(archive.taken_rows(channel, id.chunk(chunk)).await?);
                }
            }
            if page.len() < BROADCASTS {
                break;
            }
        }
        Ok(())
    }

    fn tell(&mut self, mut taken: Vec<Taken>) {
        taken.truncate(self.left);
        self.left -= taken.len();
        for one in &mut taken {
            // As when it was sent: the registry may have added who it is. A reserved recipient stays as it was given.
            if !one.recipient.is_reserved() {
                one.recipient = self.broker.registry().resolve(&one.recipient);
            }
        }
        if !taken.is_empty() {
            self.transport.remember(taken);
        }
    }
}
