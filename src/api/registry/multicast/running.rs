//! Lists of recipients are worked through one after the other, also after a restart.
//!
//! Invariant: a line is linked before it counts as done, and a line that is linked again changes nothing: so a crash repeats a few
//! lines and loses none. What may mend itself is waited for; what can't ends the list, and says why.
use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::ebox::{EBox, Refusal};
use estafette_actors::ports::mailbox::{Access, Actor, ContentTrouble, Face, Stage, TASK_ERRORS, Task, Trouble};
use futures_util::StreamExt;
use tokio::sync::{Notify, mpsc};

use super::list::{self, Batch, Pieces};
use crate::api::registry::Inner;
use crate::api::submission::today;

/// How long it is waited before something is tried again.
const PAUSE: Duration = Duration::from_secs(2);
/// How often it is looked for lists when nobody says that there is one.
const LOOK: Duration = Duration::from_secs(60);
/// Pieces of a list, and batches, between who reads and who links.
const AHEAD: usize = 2;
/// Batches between two times that it is written down how far a list is.
const NOTED: usize = 8;

/// Why a list does not go on.
enum Stop {
    /// For good.
    Failed(String),
    /// It may go on later.
    Later(String),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Trouble(Trouble::NotFound) => Self::Failed("the document is not there any more".to_owned()),
            Refusal::Trouble(trouble) => Self::Later(trouble.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// Works through what there is, until the registry is gone.
pub async fn run(registry: Weak<Inner>, news: Arc<Notify>) {
    loop {
        let Some(inner) = registry.upgrade() else { return };
        let (ebox, most) = (inner.ebox.clone(), inner.settings.task_lines);
        drop(inner);
        let wait = match all(&ebox, most).await {
            Ok(()) => LOOK,
            Err(why) => {
                tracing::warn!(why, "lists of recipients wait");
                PAUSE
            }
        };
        drop(ebox);
        let _ = tokio::time::timeout(wait, news.notified()).await;
    }
}

async fn all(ebox: &EBox, most: u64) -> Result<(), String> {
    let running = ebox.mailboxes().running_tasks().await.map_err(|trouble| trouble.to_string())?;
    for mut task in running {
        let (stage, why) = match work(ebox, &mut task, most).await {
            Ok(()) => (Stage::Done, None),
            Err(Stop::Failed(why)) => (Stage::Failed, Some(why)),
            Err(Stop::Later(why)) => return Err(why),
        };
        if let Some(why) = why {
            task.errors.truncate(TASK_ERRORS - 1);
            task.errors.push((task.lines + 1, why.into()));
        }
        ebox.end_task(task, stage).await.map_err(|refusal| refusal.to_string())?;
    }
    Ok(())
}

async fn work(ebox: &EBox, task: &mut Task, most: u64) -> Result<(), Stop> {
    let given = ebox.contents().give(&task.list, None).await.map_err(|trouble| match trouble {
        ContentTrouble::Gone => Stop::Failed("the list is not there any more: send it again".to_owned()),
        other => Stop::Later(other.to_string()),
    })?;
    let (pieces, arriving) = mpsc::channel(AHEAD);
    let bringing = tokio::spawn(async move {
        let mut given = given;
        while let Some(piece) = given.next().await {
            if pieces.send(piece).await.is_err() {
                return;
            }
        }
    });
    let (batches, mut read) = mpsc::channel::<Batch>(AHEAD);
    let (skip, today) = (task.lines, today(ebox.now()));
    let reading = tokio::task::spawn_blocking(move || {
        list::read(Pieces::new(arriving), skip, most, today, |batch| batches.blocking_send(batch).is_ok())
    });
    let access = Access {
        actor: Actor::Sender { institution: task.sender, key: task.key.clone() },
        face: Face::Registry,
        ticket: Some(task.id.to_string().into()),
    };
    let mut count = 0;
    let mut linking = Ok(());
    while let Some(batch) = read.recv().await {
        linking = link(ebox, &access, task, batch).await;
        if linking.is_err() {
            break;
        }
        count += 1;
        if count % NOTED == 0 {
            ebox.mailboxes().put_task(task.clone()).await.map_err(Refusal::from)?;
        }
    }
    drop(read);
    let ended = reading.await;
    bringing.abort();
    linking?;
    match ended {
        Ok(Ok(())) => Ok(()),
        Ok(Err(list::Error::Form(why))) => Err(Stop::Failed(why)),
        Ok(Err(list::Error::Read(error))) => Err(Stop::Later(error.to_string())),
        Err(_) => Err(Stop::Later("reading the list ended".to_owned())),
    }
}

async fn link(ebox: &EBox, access: &Access, task: &mut Task, batch: Batch) -> Result<(), Stop> {
    let Batch { lines, recipients, wrong } = batch;
    let mut seen = HashSet::with_capacity(recipients.len());
    let once: Vec<MailboxId> = recipients.iter().map(|(_, one)| *one).filter(|one| seen.insert(*one)).collect();
    let (left_out, without_reader) = if once.is_empty() {
        (Vec::new(), HashSet::new())
    } else {
        let (linked, left_out) = ebox.link(access, task.sender, task.document, once).await?;
        (left_out, linked.without_reader.into_iter().collect())
    };
    let mut errors = wrong;
    for (line, recipient) in recipients {
        if left_out.contains(&recipient) {
            errors.push((line, "documents of this type are not for this kind of mailbox".into()));
            continue;
        }
        task.linked += 1;
        task.without_reader += u64::from(without_reader.contains(&recipient));
    }
    task.refused += errors.len() as u64;
    errors.sort_by_key(|(line, _)| *line);
    errors.truncate(TASK_ERRORS.saturating_sub(task.errors.len()));
    task.errors.append(&mut errors);
    task.lines += lines;
    Ok(())
}
