//! Lists of recipients that are being worked through: how far each is, until a time after it ended.
//!
//! Invariant: a list that runs is found after a restart, and the contents keep it as long; a sender has a bounded number of them.
use std::ops::ControlFlow;

use estafette_actors::domain::mailbox::document::DocumentId;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::{Stage, TASKS, Task, Trouble};

use super::super::codec;
use super::super::engine::{Draft, Engine};
use super::{CONTENTS, DAY, RUNNING_TASKS, TASKS_OF, array, damaged};

/// How long one is known after it ended.
const KEPT_DAYS: u32 = 90;
/// Of those that ended so long ago, how many go at once.
const GONE: usize = 100;

/// A sender and the name of a list: keys of one sender grow with time.
fn key(sender: Institution, id: DocumentId) -> [u8; 20] {
    let mut key = [0; 20];
    key[..4].copy_from_slice(&sender.0.as_u32().to_be_bytes());
    key[4..].copy_from_slice(&id.as_u128().to_be_bytes());
    key
}

/// The same by time, whoever sends it.
fn running_key(sender: Institution, id: DocumentId) -> [u8; 20] {
    let mut key = key(sender, id);
    key.rotate_left(4);
    key
}

fn decode(bytes: &[u8]) -> Result<Task, Trouble> {
    codec::decode(bytes).map_err(|_| damaged())
}

/// Keeps how far one is.
pub fn put(draft: &mut Draft<'_>, task: &Task, now: Timestamp) -> Result<(), Trouble> {
    let (key, running) = (key(task.sender, task.id), running_key(task.sender, task.id));
    if task.stage == Stage::Running {
        if draft.get(TASKS_OF, &key)?.is_none() && running_of(draft, task.sender)? >= TASKS {
            return Err(Trouble::TooMany("100 lists of yours are being worked through: wait for one"));
        }
        draft.put(RUNNING_TASKS, &running, [].as_slice());
        draft.put(CONTENTS, task.list.as_bytes(), task.document.as_u128().to_be_bytes().as_slice());
    } else {
        draft.remove(RUNNING_TASKS, &running);
        draft.remove(CONTENTS, task.list.as_bytes());
        let_go(draft, task.sender, now)?;
    }
    draft.put(TASKS_OF, &key, codec::encode(task));
    Ok(())
}

fn running_of(draft: &Draft<'_>, sender: Institution) -> Result<usize, Trouble> {
    let (mut count, cbe) = (0, sender.0.as_u32().to_be_bytes());
    draft.scan(RUNNING_TASKS, &[], None, |key, _| {
        count += usize::from(key.ends_with(&cbe));
        if count < TASKS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(count)
}

/// Takes away what ended long ago.
fn let_go(draft: &mut Draft<'_>, sender: Institution, now: Timestamp) -> Result<(), Trouble> {
    let begin = key(sender, DocumentId::from_u128(0));
    let mut gone = Vec::new();
    draft.scan(TASKS_OF, &begin, None, |key, bytes| {
        let is_own = key.starts_with(&begin[..4]);
        let is_over =
            is_own && decode(bytes).is_ok_and(|task| task.ended_at.is_some_and(|at| now.since(at) > DAY * KEPT_DAYS));
        if is_over && gone.len() < GONE {
            gone.push(key.to_vec());
            return ControlFlow::Continue(());
        }
        // Those that follow began later.
        ControlFlow::Break(())
    })?;
    for key in gone {
        draft.remove(TASKS_OF, &key);
    }
    Ok(())
}

/// One of a sender.
pub fn get(engine: &Engine, sender: Institution, id: DocumentId) -> Result<Option<Task>, Trouble> {
    engine.with(TASKS_OF, &key(sender, id), |found| found.map(decode).transpose())?
}

/// Those that run, the oldest first.
pub fn running(engine: &Engine) -> Result<Vec<Task>, Trouble> {
    let mut keys = Vec::new();
    engine.scan(RUNNING_TASKS, &[], None, |key, _| {
        keys.extend(array::<20>(key));
        ControlFlow::Continue(())
    })?;
    let mut tasks = Vec::with_capacity(keys.len());
    for mut key in keys {
        key.rotate_right(4);
        tasks.extend(engine.with(TASKS_OF, &key, |found| found.map(decode).transpose())??);
    }
    Ok(tasks)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use estafette_actors::ports::mailbox::Mailboxes as _;

    use super::super::tests::{A_DAY, Hand, open, sender};
    use super::*;

    fn task(number: u64, at: Timestamp) -> Task {
        Task {
            id: DocumentId::new(at, number),
            sender: sender(),
            key: "k1".into(),
            document: DocumentId::from_u128(7),
            list: format!("list-{number}").into(),
            stage: Stage::Running,
            lines: 0,
            linked: 0,
            without_reader: 0,
            refused: 0,
            errors: vec![(3, "ssin: wrong".into())],
            ended_at: None,
        }
    }

    #[actix_rt::test]
    async fn a_list_that_runs_is_there_after_a_restart_and_its_content_is_needed_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Hand::new();
        let now = clock.on(0);
        {
            let mailboxes = open(folder.path(), &clock);
            for number in [2, 1] {
                let at = now.plus(Duration::from_millis(number));
                mailboxes.put_task(task(number, at)).await.unwrap();
            }
            mailboxes.close();
        }
        let mailboxes = open(folder.path(), &clock);
        let running = mailboxes.running_tasks().await.unwrap();
        assert_eq!(running.iter().map(|task| &*task.list).collect::<Vec<_>>(), ["list-1", "list-2"]);
        assert!(mailboxes.needs("list-1") && mailboxes.needs("list-2"));
        let first = running[0].clone();
        let ended = Task { stage: Stage::Done, lines: 9, ended_at: Some(now), ..first.clone() };
        mailboxes.put_task(ended.clone()).await.unwrap();
        assert!(!mailboxes.needs("list-1"));
        assert_eq!(mailboxes.task(sender(), first.id).await, Ok(Some(ended)));
        let other = Institution("0206731645".parse().unwrap());
        assert_eq!(mailboxes.task(other, first.id).await, Ok(None), "another's is not there");
        assert_eq!(mailboxes.running_tasks().await.unwrap().len(), 1);
        let later = clock.on(91 * A_DAY);
        mailboxes.put_task(Task { stage: Stage::Failed, ended_at: Some(later), ..running[1].clone() }).await.unwrap();
        assert_eq!(mailboxes.task(sender(), first.id).await, Ok(None), "it ended long ago");
        assert!(mailboxes.task(sender(), running[1].id).await.unwrap().is_some());
    }

    #[actix_rt::test]
    async fn a_sender_has_a_bounded_number_of_lists_that_run() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Hand::new();
        let mailboxes = open(folder.path(), &clock);
        for number in 0..TASKS as u64 {
            mailboxes.put_task(task(number, estafette_actors::ports::Clock::now(&*clock))).await.unwrap();
        }
        let one_more = mailboxes.put_task(task(1_000, estafette_actors::ports::Clock::now(&*clock))).await;
        assert!(matches!(one_more, Err(Trouble::TooMany(_))));
        mailboxes.put_task(Task { lines: 5, ..task(0, estafette_actors::ports::Clock::now(&*clock)) }).await.unwrap();
    }

    #[test]
    fn a_record_stays_what_it_was_on_disk() {
        let task = Task { id: DocumentId::from_u128(5), ..task(1, Timestamp::ZERO) };
        let mut golden = vec![1, 5];
        golden.extend(codec::encode(&task.sender).into_iter().skip(1));
        golden.extend(b"\x02k1\x07\x06list-1\0\0\0\0\0\x01\x03\x0bssin: wrong\0");
        assert_eq!(codec::encode(&task), golden);
    }
}
