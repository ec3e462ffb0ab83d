//! Which step may follow which: a chain begins with what became of the submission, and ends with a failure.
use super::Step;

/// Whether a step may follow these; why not, in words.
pub fn may_follow(before: &[Step], next: Step) -> Result<(), &'static str> {
    let has = |step: Step| before.contains(&step);
    let begins = matches!(next, Step::SubmissionAcceptance | Step::SubmissionRejection);
    match before.first() {
        None if begins => return Ok(()),
        None => return Err("it is the first, and a chain begins with what became of the submission"),
        Some(_) if begins => return Err("a submission is accepted or rejected once, at the beginning"),
        Some(Step::SubmissionRejection) => return Err("nothing follows a rejection"),
        Some(_) if has(Step::ContentConsignmentFailure) => return Err("nothing follows a failure"),
        Some(_) => {}
    }
    match next {
        Step::ContentConsignment if has(next) => Err("the content was placed in the mailbox before"),
        Step::ContentHandover if has(next) => Err("the content was read before"),
        Step::ContentHandover if !has(Step::ContentConsignment) => Err("what was read was not placed in the mailbox"),
        Step::ContentConsignmentFailure if has(Step::ContentHandover) => Err("what was read can't fail any more"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::Step::*;
    use super::*;

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
        for (chain, can_be) in chains {
            let is_ordered = (0..chain.len()).all(|place| may_follow(&chain[..place], chain[place]).is_ok());
            assert_eq!(is_ordered, can_be, "{chain:?}");
        }
    }
}
