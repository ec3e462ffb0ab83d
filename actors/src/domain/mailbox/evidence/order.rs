//! Which step may follow which: a chain begins with what became of the submission, and ends with a failure that nothing can mend.
//!
//! A document that was put where nobody read digitally failed to be consigned ([`NO_READER`]); that failure stands, and is no end: the
//! holder may be told, may activate the mailbox later, and then the content is consigned and may be read, or it expires. ETSI EN 319 522-1
//! names the events; that a later try may succeed is this program's reading of it.
use super::{NO_READER, Step};

/// A step, and why it failed where it did.
pub type Taken<'a> = (Step, Option<&'a str>);

/// Whether a failure can be followed by a success.
fn is_for_now(taken: &Taken<'_>) -> bool {
    taken.1 == Some(NO_READER)
}

/// Whether a step may follow these; why not, in words.
pub fn may_follow(before: &[Taken<'_>], next: Taken<'_>) -> Result<(), &'static str> {
    let has = |step: Step| before.iter().any(|(taken, _)| *taken == step);
    let failures = || before.iter().filter(|(taken, _)| *taken == Step::ContentConsignmentFailure);
    let begins = matches!(next.0, Step::SubmissionAcceptance | Step::SubmissionRejection);
    match before.first() {
        None if begins => return Ok(()),
        None => return Err("it is the first, and a chain begins with what became of the submission"),
        Some(_) if begins => return Err("a submission is accepted or rejected once, at the beginning"),
        Some((Step::SubmissionRejection, _)) => return Err("nothing follows a rejection"),
        Some(_) if failures().any(|failure| !is_for_now(failure)) => return Err("nothing follows a failure"),
        Some(_) => {}
    }
    match next.0 {
        Step::ContentConsignment if has(next.0) => Err("the content was placed in the mailbox before"),
        Step::ContentHandover if has(next.0) => Err("the content was read before"),
        Step::ContentHandover if !has(Step::ContentConsignment) => Err("what was read was not placed in the mailbox"),
        Step::ContentConsignmentFailure if has(Step::ContentHandover) => Err("what was read can't fail any more"),
        Step::ContentConsignmentFailure if is_for_now(&next) && has(Step::ContentConsignment) => {
            Err("the content was placed in the mailbox before")
        }
        Step::ContentConsignmentFailure if is_for_now(&next) && has(next.0) => Err("it failed so before"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::Step::*;
    use super::*;

    const LATE: Taken<'_> = (ContentConsignmentFailure, Some("it expired before it was read"));
    const NOBODY: Taken<'_> = (ContentConsignmentFailure, Some(NO_READER));

    fn is_ordered(chain: &[Taken<'_>]) -> bool {
        (0..chain.len()).all(|place| may_follow(&chain[..place], chain[place]).is_ok())
    }

    #[test]
    fn steps_come_in_an_order_that_can_be() {
        let chains: [(&[Step], bool); 14] = [
            (&[SubmissionAcceptance, ContentConsignment, NotificationForAcceptance, ContentHandover], true),
            (&[SubmissionAcceptance, NotificationForAcceptance, ContentConsignment, NotificationForAcceptance], true),
            (&[SubmissionAcceptance, ContentConsignment, ContentConsignmentFailure], true),
            (&[SubmissionAcceptance, ContentConsignmentFailure], true),
            (&[SubmissionAcceptance, ContentConsignment, ContentHandover, NotificationForAcceptance], true),
            (&[SubmissionRejection], true),
            (&[ContentConsignment], false),
            (&[SubmissionRejection, ContentConsignment], false),
            (&[SubmissionAcceptance, SubmissionAcceptance], false),
            (&[SubmissionAcceptance, SubmissionRejection], false),
            (&[SubmissionAcceptance, ContentHandover], false),
            (&[SubmissionAcceptance, ContentConsignment, ContentConsignment], false),
            (&[SubmissionAcceptance, ContentConsignment, ContentHandover, ContentConsignmentFailure], false),
            (&[SubmissionAcceptance, ContentConsignmentFailure, NotificationForAcceptance], false),
        ];
        for (steps, can_be) in chains {
            let chain: Vec<Taken<'_>> = steps.iter().map(|step| (*step, None)).collect();
            assert_eq!(is_ordered(&chain), can_be, "{chain:?}");
        }
    }

    #[test]
    fn a_mailbox_that_nobody_read_may_be_read_later() {
        let [taken, told, placed, read] =
            [SubmissionAcceptance, NotificationForAcceptance, ContentConsignment, ContentHandover]
                .map(|step| (step, None));
        let chains: [(&[Taken<'_>], bool); 10] = [
            (&[taken, NOBODY, placed, told, read], true),
            (&[taken, NOBODY, told, placed, read], true),
            (&[taken, NOBODY, placed, LATE], true),
            (&[taken, NOBODY, LATE], true),
            (&[taken, NOBODY, told, LATE], true),
            (&[taken, NOBODY, read], false),
            (&[taken, NOBODY, LATE, placed], false),
            (&[taken, LATE, placed], false),
            (&[taken, NOBODY, NOBODY], false),
            (&[taken, placed, NOBODY], false),
        ];
        for (chain, can_be) in chains {
            assert_eq!(is_ordered(chain), can_be, "{chain:?}");
        }
    }
}
