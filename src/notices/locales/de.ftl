# Notices of the e-Box. Nothing of a document, its sender or its reader may stand here: anybody may see a screen.
subject-registered = Einschreiben in Ihrer e-Box
subject-digest = { $count ->
    [one] 1 Nachricht in Ihrer e-Box
   *[other] { $count } Nachrichten in Ihrer e-Box
}
registered = In Ihrer e-Box ist ein Einschreiben eingegangen.
registered-why = Sobald Sie es öffnen, erhält der Absender den Nachweis, dass Sie es gelesen haben.
digest = Das wartet in Ihrer e-Box auf Sie:
new = { $count ->
    [one] 1 neue Nachricht
   *[other] { $count } neue Nachrichten
}
unread = { $count ->
    [one] 1 Nachricht, die Sie seit 15 Tagen nicht gelesen haben
   *[other] { $count } Nachrichten, die Sie seit 15 Tagen nicht gelesen haben
}
expiring = { $count ->
    [one] 1 ungelesene Nachricht, die innerhalb von 7 Tagen abläuft
   *[other] { $count } ungelesene Nachrichten, die innerhalb von 7 Tagen ablaufen
}
read = Ihre Nachrichten lesen
safe = Zu Ihrer Sicherheit schreiben wir hier nie, worum es in einer Nachricht geht, und fragen nie nach Ihrem Passwort oder Ihren Bankdaten.
why = Sie erhalten diese E-Mail, weil Sie über Nachrichten in Ihrer e-Box benachrichtigt werden möchten.
change = Ihre Einstellungen ändern
stop = Diese E-Mails nicht mehr erhalten
message-registered = In Ihrer e-Box ist ein Einschreiben eingegangen. Lesen Sie es auf { $link }
message-digest = In Ihrer e-Box warten Nachrichten. Lesen Sie sie auf { $link }
