# Notices of the e-Box. Nothing of a document, its sender or its reader may stand here: anybody may see a screen.
subject-registered = Registered mail in your e-Box
subject-digest = { $count ->
    [one] 1 message in your e-Box
   *[other] { $count } messages in your e-Box
}
registered = Registered mail has arrived in your e-Box.
registered-why = As soon as you open it, the sender receives proof that you have read it.
digest = This is what waits for you in your e-Box:
new = { $count ->
    [one] 1 new message
   *[other] { $count } new messages
}
unread = { $count ->
    [one] 1 message that you have not read for 15 days
   *[other] { $count } messages that you have not read for 15 days
}
expiring = { $count ->
    [one] 1 unread message that expires within 7 days
   *[other] { $count } unread messages that expire within 7 days
}
read = Read your messages
safe = For your safety we never write here what a message is about, and we never ask for your password or bank details.
why = You receive this e-mail because you asked for notices of your e-Box.
change = Change your preferences
stop = Stop these e-mails
message-registered = Registered mail has arrived in your e-Box. Read it at { $link }
message-digest = Messages wait in your e-Box. Read them at { $link }
