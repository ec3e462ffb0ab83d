## What every page has
product = e-Box
skip = Skip to the content
languages = Language
navigation = Your mailbox
about = About this site
pages = Pages
mailbox-of = Mailbox of
mailbox-own = yourself
sign-out = Sign out
mistakes-title = Please correct the following
mistakes-short = Error
language-fr = French
language-nl = Dutch
language-de = German
language-en = English

## Signing in and out
sign-in-title = Your e-Box
sign-in-lead = Here you read the letters that public institutions send you: safely, in one place, whenever you like.
sign-in-button = Sign in
sign-in-how-title = How it works
sign-in-how = You are taken to the sign-in service of the government and prove who you are there, for example with your eID or itsme®. Then you come back here. After 15 minutes without activity you are signed out.
sign-in-who-title = Who can sign in
sign-in-who-citizen = Citizens with a national register number or a BIS number, for their own mailbox.
sign-in-who-enterprise = People who may act for an enterprise, for the mailbox of that enterprise. They see the messages for which they have rights.
sign-in-privacy-title = Your privacy
sign-in-privacy = This site uses only the cookies that it needs to keep you signed in and to remember your language. Nobody follows what you do here. Every access to your mailbox is recorded, so that misuse can be found.
sign-in-again = Sign in again
signed-out-title = You are signed out
signed-out-text = You can close this window. On a shared computer, close the whole browser.

## Choosing a mailbox
choose-title = Which mailbox do you want to open?
choose-other = Change mailbox
choose-legend = Mailboxes that you may open
choose-own = Your own mailbox
choose-rights = { $count ->
    [0] Mailbox of an enterprise; you have no special access rights
    [one] Mailbox of an enterprise; you have 1 access right
   *[other] Mailbox of an enterprise; you have { $count } access rights
}
choose-button = Open mailbox
choose-mistake = Choose one of the mailboxes in the list.

## Activation
activate-title = Activate this mailbox
activate-lead = This mailbox has not been activated yet. Messages may already be waiting in it.
activate-what-title = What activating means
activate-what-read = You read the messages of public institutions here. They stay available until the date shown with each message.
activate-what-legal = A message that is placed in an active mailbox can have the same legal value as a letter on paper. Look at your mailbox regularly.
activate-what-paper = Institutions may still send you letters on paper, unless you choose to receive everything digitally. You decide this in your preferences.
activate-what-notice = You can be notified when a message arrives. You set this in your preferences too.
activate-what-stop = You can deactivate the mailbox again at any time.
activate-what-enterprise = You activate the mailbox for the whole enterprise. Others who may act for it can read it as well.
activate-agree = I have read this, and I want to activate the mailbox
activate-button = Activate
activate-mistake = Tick the box to confirm that you want to activate the mailbox.
activate-done = The mailbox is active. Set in your preferences how you want to be notified.

## Deactivation
deactivate-title = Deactivate the mailbox
deactivate-short = You no longer want to read your messages digitally?
deactivate-link = Deactivate this mailbox
deactivate-back = Back to preferences
deactivate-lead = Are you sure? Read what will change.
deactivate-what-read = You can no longer read messages here. Institutions see that nobody reads this mailbox digitally.
deactivate-what-paper = Institutions will send you letters on paper again.
deactivate-what-kept = Messages that are in the mailbox stay there until they expire. Download what you want to keep.
deactivate-what-again = You can activate the mailbox again at any time. Messages that arrived in the meantime will then be there.
deactivate-sure = Yes, I want to deactivate the mailbox
deactivate-button = Deactivate
deactivate-mistake = Tick the box to confirm that you want to deactivate the mailbox.
deactivated-title = The mailbox is deactivated
deactivated-text = Nobody can read it here until it is activated again. You can sign out now.
deactivated-again = Activate it again

## The list
list-title = Messages
list-away-title = Put away
list-away-text = Messages that you have put away. They are not deleted: you can bring them back as long as they are available.
list-found = { $count ->
    [0] No messages
    [one] 1 message
   *[other] { $count } messages
}
list-for = for “{ $words }”
list-unread = { $count ->
    [0] Everything has been read
    [one] 1 unread message
   *[other] { $count } unread messages
}
list-page = Page { $page } of { $pages }
list-newer = Newer messages
list-older = Older messages
list-until = Available until { $day }
list-files = { $count ->
    [one] 1 file
   *[other] { $count } files
}
list-select = Select “{ $subject }”
list-put-selected-away = Put selected messages away
list-bring-back = Bring selected messages back
list-put-away = The messages have been put away. You find them under “Put away”.
list-brought-back = The messages are back in your list.
list-none-selected = Select at least one message first.
list-empty = There are no messages for you yet.
list-empty-away = You have not put away any messages.
list-empty-filtered = No message matches your search or filter.
marks = Characteristics
mark-unread = Unread
mark-registered = Registered mail
mark-payment = To be paid
search-label = Search in your messages
search-button = Search
filter-title = Filter
filter-unread = Unread messages only
filter-type = Type of message
filter-all-types = All types
filter-sender = Sender
filter-all-senders = All senders
filter-button = Show
filter-none = Remove search and filter

## A message
message-back = Back to the messages
message-from = From
message-received = Received
message-until = Available until
message-read = Read
message-unread = Not yet
message-attention = For the attention of
message-contact = Contact
message-replies = This is a reply.
message-original = Read the first message
message-text = Text of the message
message-other-language = The sender wrote this message only in another language: { $language }.
message-actions = What you can do
message-put-away = Put this message away
message-bring-back = Bring this message back
message-final = Once you have opened the main content, the message counts as read. This cannot be undone: the sender may rely on it.
registered-title = Registered mail
registered-warning = This is registered mail. As soon as you open the main content, the sender receives proof that you have read it, with the date and time.
registered-text = This message was sent as registered mail. Each step is recorded and signed.
registered-open = Open the message
files-title = Files
files-elsewhere = The sender keeps these files. They are fetched there when you open them.
file-main = Main content
file-signed = Digitally signed
file-show = View
file-download = Download
file-back = Back to the message
file-frame-text = If your browser does not show the document, download it.
file-scanning = This file is still being checked for viruses. Try again in a few minutes.
file-quarantined = A virus scanner found something in this file. For your safety it cannot be opened. Contact the sender.
kind-pdf = PDF document
kind-zip = ZIP archive
kind-html = web page
kind-text = text
kind-writing = text document
kind-table = spreadsheet
kind-slides = presentation
kind-drawing = drawing
pay-title = To be paid
pay-vat = VAT included
pay-due = To be paid by
pay-overdue = Date has passed
pay-iban = To account (IBAN)
pay-bic = BIC
pay-reference = Reference of the payment
pay-text = Pay with your own banking app or bank. No payment is made on this site. If you have already paid, there is nothing more to do.

## Evidence
evidence-title = Proof of registered mail
evidence-text = Each step of this registered mail was recorded and signed electronically. The names in English are those of the European standard.
evidence-none = Nothing has been recorded yet. Try again in a few minutes.
evidence-accepted = The sender’s message was accepted
evidence-rejected = The sender’s message was refused
evidence-notified = The recipient was notified
evidence-consigned = The message was placed in the mailbox
evidence-failed = The message could not be placed in the mailbox, or it expired unread
evidence-handed-over = The recipient read the message
evidence-download = Download the proof
evidence-check = The file contains all signed records. Anyone can check them without this site.

## Replying
reply-title = Reply
reply-to = Your reply goes to
reply-text = Your message
reply-files = Add files (optional)
reply-limits = At most { $files } files of { $size } each: PDF, text, spreadsheets, presentations or ZIP.
reply-files-again = Choose your files again: the browser does not keep them.
reply-final = A reply that has been sent cannot be changed or taken back.
reply-send = Send reply
reply-done = Your reply has been sent.
reply-text-needed = Write your message.
reply-text-long = Your message is too long. Shorten it, or add it as a file.
reply-files-many = You added too many files. Send fewer files, or a ZIP archive.
reply-files-name = One of your files has a name that is not allowed. Rename it and choose it again.
reply-files-kind = One of your files is of a kind that is not accepted, or it is not what its name says. Choose another one.
reply-files-empty = One of your files is empty. Choose another one.
reply-files-large = One of your files is too large. Choose a smaller one.

## Preferences
preferences-title = Preferences
preferences-saved = Your preferences have been saved.
preferences-language = Language
preferences-language-hint = The language of this site and of the notices that you receive.
preferences-email = E-mail address
preferences-email-hint = For notices only. They never contain the content of a message. For example: name@example.be
preferences-email-fails = E-mail to this address came back. Enter another address, or check this one.
preferences-email-wrong = Enter an e-mail address in the right form, such as name@example.be.
preferences-email-needed = Enter the e-mail address at which you want to be notified.
preferences-notice = How do you want to know that a message has arrived?
preferences-notice-email = By e-mail, once a day; for registered mail at once
preferences-notice-message = By a message on your mobile phone
preferences-notice-none = Not at all: I look here myself
preferences-paper = Letters on paper
preferences-exclusively = I want to receive my letters only digitally
preferences-exclusively-hint = Institutions that can send you a letter digitally will no longer send it on paper. So look at your mailbox regularly: time limits start even if you have not read a message.
preferences-save = Save preferences

## Stopping notices
unsubscribe-title = Stop notices
unsubscribe-text = Do you no longer want to be told when a message arrives in your e-Box?
unsubscribe-stays = Your mailbox stays as it is, and messages still arrive in it. Look at it regularly: time limits start even if you have not read a message.
unsubscribe-button = Stop notices
unsubscribed-title = You no longer receive notices
unsubscribed-text = You are no longer told when a message arrives. Look at your mailbox yourself, regularly.
unsubscribed-again = Sign in to receive notices again

## Consents
consents-title = Consents
consents-lead = You decide which other sites and apps may show the messages of this mailbox.
consents-text = A portal to which you give consent can read your messages in your name. You can withdraw a consent at any time; it then stops at once.
consents-none = There are no portals to which you can give consent.
consents-is-given = Consent given
consents-is-not-given = No consent
consents-given-at = Last given on { $moment }
consents-withdrawn-at = Withdrawn on { $moment }
consents-give = Give consent
consents-give-text = If you give consent, { $portal } can see and open all messages of this mailbox. Messages opened there count as read.
consents-withdraw = Withdraw consent
consents-given = You have given your consent.
consents-withdrawn = You have withdrawn your consent. The portal can no longer read your messages.
consents-mistake = Choose one of the portals in the list.

## Help
help-title = Help
help-what-title = What is e-Box?
help-what = e-Box is your secured digital mailbox. Public institutions place letters in it instead of sending them by post.
help-read-title = When does a message count as read?
help-read = As soon as you open its main content: the text, or the file that is marked as main content. This cannot be undone, and the sender can see it. Looking at the list does not count.
help-registered-title = What is registered mail?
help-registered = It has the value of a registered letter. Each step is recorded and signed. You are told before you open it, and you can download the proof.
help-expiry-title = How long do messages stay?
help-expiry = Each message shows until when it is available. After that it is removed automatically. Download in time what you want to keep.
help-away-title = Can I delete a message?
help-away = You can put messages away; they then no longer appear in your list. They stay available under “Put away” until they expire.
help-enterprise-title = Why do I not see all messages of my enterprise?
help-enterprise = For some types of messages you need an access right. Ask the person who manages access in your enterprise.
help-safe-title = How do I know that a message is genuine?
help-safe = Only known institutions can place messages here. Notices never ask for your password or bank details, and they never contain documents.
help-contact-title = You still have a question?
help-contact = If it is about the content of a message, contact its sender. The contact details are in the message.
help-email = For questions about this site, write to

## Accessibility
accessibility-title = Accessibility
accessibility-lead = Everybody should be able to use this site. It is built to meet WCAG 2.2, level AA.
accessibility-how-title = What we did
accessibility-keyboard = You can do everything with the keyboard alone, and you always see where you are.
accessibility-reader = Titles, lists, forms and messages are marked so that screen readers say them correctly, in the right language.
accessibility-zoom = You can enlarge the text to 400 % without scrolling sideways. Colours have enough contrast, and nothing is shown by colour alone. A dark display is used if your device asks for it.
accessibility-script = The site works without JavaScript, and nothing moves.
accessibility-limits-title = What is not always accessible
accessibility-limits = Files and texts come from the institutions that send them. They may be less accessible. If so, ask the sender for another version.
accessibility-tell-title = Tell us
accessibility-tell = Is something difficult to use? Tell us on which page, and what you use to read it. We answer and look for a solution.

## What can go wrong
error-back = To your messages
error-start = To the start page
error-no-page = Page not found
error-no-page-text = This page does not exist. Check the address, or start again from the beginning.
error-no-link = This link does not work
error-no-link-text = The link is incomplete, or it belongs to an e-mail address that is no longer used for this mailbox. Nothing was changed. You can change your preferences after signing in.
error-gone = Message not found
error-gone-text = This message is not in the open mailbox. It may have expired, or it is in another mailbox of yours.
error-away = The sender cannot be reached
error-away-text = The institution that keeps this document does not answer at the moment. The document is not lost. Try again later.
error-wrong = The document cannot be shown
error-wrong-text = The institution that keeps this document sent something else. Try again later, or contact the sender.
error-scanning = The file is being checked
error-scanning-text = This file is still being checked for viruses. Try again in a few minutes.
error-quarantined = The file is blocked
error-quarantined-text = A virus scanner found something in this file. For your safety it cannot be opened. Contact the sender.
error-no-reply = No reply possible
error-no-reply-text = The sender does not accept replies to this message.
error-forged = This form is out of date
error-forged-text = You changed mailbox or signed in again in the meantime. Nothing was changed. Go back, load the page again and try once more.
error-unreadable = That did not work
error-unreadable-text = What your browser sent could not be read. Nothing was changed. Go back and try again.
error-busy = Very busy right now
error-busy-text = Many people are using the site at the moment. Try again in a minute.
error-read-only = No changes possible right now
error-read-only-text = You can read your messages, but nothing can be changed at the moment. Try again later.
error-down = Something went wrong
error-down-text = Your mailbox cannot be shown at the moment. We are informed. Try again later.
error-sign-in-away = Signing in is not possible right now
error-sign-in-away-text = The sign-in service does not answer. Try again in a few minutes.
error-sign-in-wrong = Signing in did not work
error-sign-in-wrong-text = The sign-in service sent an answer that could not be checked. For your safety you have not been signed in. Try again later.
error-sign-in-weak = A stronger sign-in is needed
error-sign-in-weak-text = You signed in with a means that is not strong enough for this mailbox. Sign in again, for example with your eID or itsme®.
error-sign-in-number = No valid number
error-sign-in-number-text = The sign-in service did not give us a valid national register number or BIS number. Without it we cannot find your mailbox.
error-stale = The sign-in took too long
error-stale-text = The sign-in has expired, was used already, or was started in another window. Start again.
error-denied = You are not signed in
error-denied-text = The sign-in was cancelled or refused. Start again if you want to read your messages.
