## Was jede Seite hat
product = e-Box
skip = Zum Inhalt
languages = Sprache
navigation = Ihr Postfach
about = Über diese Website
pages = Seiten
mailbox-of = Postfach von
mailbox-own = Ihnen selbst
sign-out = Abmelden
mistakes-title = Bitte korrigieren Sie Folgendes
mistakes-short = Fehler
language-fr = Französisch
language-nl = Niederländisch
language-de = Deutsch
language-en = Englisch

## An- und Abmelden
sign-in-title = Ihre e-Box
sign-in-lead = Hier lesen Sie die Briefe, die öffentliche Einrichtungen Ihnen senden: sicher, an einem Ort, wann Sie möchten.
sign-in-button = Anmelden
sign-in-how-title = So funktioniert es
sign-in-how = Sie werden zum Anmeldedienst der Behörden geleitet und weisen dort nach, wer Sie sind, zum Beispiel mit Ihrer eID oder itsme®. Danach kommen Sie hierher zurück. Nach 15 Minuten ohne Aktivität werden Sie abgemeldet.
sign-in-who-title = Wer sich anmelden kann
sign-in-who-citizen = Bürgerinnen und Bürger mit einer Nationalregisternummer oder einer BIS-Nummer, für ihr eigenes Postfach.
sign-in-who-enterprise = Personen, die für ein Unternehmen handeln dürfen, für das Postfach dieses Unternehmens. Sie sehen die Nachrichten, für die sie Rechte haben.
sign-in-privacy-title = Ihre Privatsphäre
sign-in-privacy = Diese Website verwendet nur die Cookies, die nötig sind, damit Sie angemeldet bleiben und Ihre Sprache behalten wird. Niemand verfolgt, was Sie hier tun. Jeder Zugriff auf Ihr Postfach wird aufgezeichnet, damit Missbrauch entdeckt werden kann.
sign-in-again = Erneut anmelden
signed-out-title = Sie sind abgemeldet
signed-out-text = Sie können dieses Fenster schließen. Schließen Sie auf einem gemeinsam genutzten Computer den ganzen Browser.

## Ein Postfach wählen
choose-title = Welches Postfach möchten Sie öffnen?
choose-other = Postfach wechseln
choose-legend = Postfächer, die Sie öffnen dürfen
choose-own = Ihr eigenes Postfach
choose-rights = { $count ->
    [0] Postfach eines Unternehmens; Sie haben keine besonderen Zugriffsrechte
    [one] Postfach eines Unternehmens; Sie haben 1 Zugriffsrecht
   *[other] Postfach eines Unternehmens; Sie haben { $count } Zugriffsrechte
}
choose-button = Postfach öffnen
choose-mistake = Wählen Sie eines der Postfächer aus der Liste.

## Aktivierung
activate-title = Dieses Postfach aktivieren
activate-lead = Dieses Postfach wurde noch nicht aktiviert. Vielleicht warten darin schon Nachrichten.
activate-what-title = Was die Aktivierung bedeutet
activate-what-read = Sie lesen hier die Nachrichten öffentlicher Einrichtungen. Sie bleiben bis zu dem Datum verfügbar, das bei jeder Nachricht steht.
activate-what-legal = Eine Nachricht, die in ein aktives Postfach gelegt wird, kann denselben rechtlichen Wert haben wie ein Brief auf Papier. Sehen Sie regelmäßig in Ihr Postfach.
activate-what-paper = Einrichtungen können Ihnen weiterhin Briefe auf Papier senden, außer wenn Sie alles digital erhalten möchten. Darüber entscheiden Sie in Ihren Einstellungen.
activate-what-notice = Sie können benachrichtigt werden, wenn eine Nachricht ankommt. Auch das legen Sie in Ihren Einstellungen fest.
activate-what-stop = Sie können das Postfach jederzeit wieder deaktivieren.
activate-what-enterprise = Sie aktivieren das Postfach für das ganze Unternehmen. Andere, die für das Unternehmen handeln dürfen, können es ebenfalls lesen.
activate-agree = Ich habe dies gelesen und möchte das Postfach aktivieren
activate-button = Aktivieren
activate-mistake = Kreuzen Sie das Kästchen an, um zu bestätigen, dass Sie das Postfach aktivieren möchten.
activate-done = Das Postfach ist aktiv. Legen Sie in Ihren Einstellungen fest, wie Sie benachrichtigt werden möchten.

## Deaktivierung
deactivate-title = Das Postfach deaktivieren
deactivate-short = Sie möchten Ihre Nachrichten nicht mehr digital lesen?
deactivate-link = Dieses Postfach deaktivieren
deactivate-back = Zurück zu den Einstellungen
deactivate-lead = Sind Sie sicher? Lesen Sie, was sich ändert.
deactivate-what-read = Sie können hier keine Nachrichten mehr lesen. Einrichtungen sehen, dass niemand dieses Postfach digital liest.
deactivate-what-paper = Einrichtungen senden Ihnen wieder Briefe auf Papier.
deactivate-what-kept = Nachrichten im Postfach bleiben dort, bis sie ablaufen. Laden Sie herunter, was Sie behalten möchten.
deactivate-what-again = Sie können das Postfach jederzeit wieder aktivieren. Dann finden Sie dort auch die Nachrichten, die inzwischen angekommen sind.
deactivate-sure = Ja, ich möchte das Postfach deaktivieren
deactivate-button = Deaktivieren
deactivate-mistake = Kreuzen Sie das Kästchen an, um zu bestätigen, dass Sie das Postfach deaktivieren möchten.
deactivated-title = Das Postfach ist deaktiviert
deactivated-text = Niemand kann es hier lesen, bis es wieder aktiviert wird. Sie können sich jetzt abmelden.
deactivated-again = Wieder aktivieren

## Die Liste
list-title = Nachrichten
list-away-title = Abgelegt
list-away-text = Nachrichten, die Sie abgelegt haben. Sie sind nicht gelöscht: Sie können sie zurückholen, solange sie verfügbar sind.
list-found = { $count ->
    [0] Keine Nachrichten
    [one] 1 Nachricht
   *[other] { $count } Nachrichten
}
list-for = für „{ $words }“
list-unread = { $count ->
    [0] Alles ist gelesen
    [one] 1 ungelesene Nachricht
   *[other] { $count } ungelesene Nachrichten
}
list-page = Seite { $page } von { $pages }
list-newer = Neuere Nachrichten
list-older = Ältere Nachrichten
list-until = Verfügbar bis { $day }
list-files = { $count ->
    [one] 1 Datei
   *[other] { $count } Dateien
}
list-select = „{ $subject }“ auswählen
list-put-selected-away = Ausgewählte Nachrichten ablegen
list-bring-back = Ausgewählte Nachrichten zurückholen
list-put-away = Die Nachrichten wurden abgelegt. Sie finden sie unter „Abgelegt“.
list-brought-back = Die Nachrichten sind wieder in Ihrer Liste.
list-none-selected = Wählen Sie zuerst mindestens eine Nachricht aus.
list-empty = Es gibt noch keine Nachrichten für Sie.
list-empty-away = Sie haben keine Nachrichten abgelegt.
list-empty-filtered = Keine Nachricht passt zu Ihrer Suche oder Ihrem Filter.
marks = Merkmale
mark-unread = Ungelesen
mark-registered = Einschreiben
mark-payment = Zu zahlen
search-label = In Ihren Nachrichten suchen
search-button = Suchen
filter-title = Filtern
filter-unread = Nur ungelesene Nachrichten
filter-type = Art der Nachricht
filter-all-types = Alle Arten
filter-sender = Absender
filter-all-senders = Alle Absender
filter-button = Anzeigen
filter-none = Suche und Filter entfernen

## Eine Nachricht
message-back = Zurück zu den Nachrichten
message-from = Von
message-received = Eingegangen am
message-until = Verfügbar bis
message-read = Gelesen am
message-unread = Noch nicht gelesen
message-attention = Zu Händen von
message-contact = Kontakt
message-replies = Dies ist eine Antwort.
message-original = Die erste Nachricht lesen
message-text = Text der Nachricht
message-other-language = Der Absender hat diese Nachricht nur in einer anderen Sprache geschrieben: { $language }.
message-actions = Was Sie tun können
message-put-away = Diese Nachricht ablegen
message-bring-back = Diese Nachricht zurückholen
message-final = Sobald Sie den Hauptinhalt geöffnet haben, gilt die Nachricht als gelesen. Das ist endgültig: Der Absender darf sich darauf verlassen.
registered-title = Einschreiben
registered-warning = Dies ist ein Einschreiben. Sobald Sie den Hauptinhalt öffnen, erhält der Absender den Nachweis, dass Sie es gelesen haben, mit Datum und Uhrzeit.
registered-text = Diese Nachricht wurde als Einschreiben gesendet. Jeder Schritt ist aufgezeichnet und signiert.
registered-open = Die Nachricht öffnen
files-title = Dateien
files-elsewhere = Der Absender bewahrt diese Dateien auf. Sie werden dort abgerufen, wenn Sie sie öffnen.
file-main = Hauptinhalt
file-signed = Elektronisch signiert
file-show = Ansehen
file-download = Herunterladen
file-back = Zurück zur Nachricht
file-frame-text = Falls Ihr Browser das Dokument nicht anzeigt, laden Sie es herunter.
file-scanning = Diese Datei wird noch auf Viren geprüft. Versuchen Sie es in einigen Minuten erneut.
file-quarantined = Ein Virenscanner hat in dieser Datei etwas gefunden. Zu Ihrer Sicherheit kann sie nicht geöffnet werden. Wenden Sie sich an den Absender.
kind-pdf = PDF-Dokument
kind-zip = ZIP-Archiv
kind-html = Webseite
kind-text = Text
kind-writing = Textdokument
kind-table = Tabelle
kind-slides = Präsentation
kind-drawing = Zeichnung
pay-title = Zu zahlen
pay-vat = davon MwSt.
pay-due = Zu zahlen bis
pay-overdue = Datum verstrichen
pay-iban = Auf das Konto (IBAN)
pay-bic = BIC
pay-reference = Mitteilung
pay-text = Zahlen Sie mit Ihrer eigenen Banking-App oder bei Ihrer Bank. Auf dieser Website wird nichts gezahlt. Wenn Sie schon gezahlt haben, müssen Sie nichts mehr tun.

## Nachweise
evidence-title = Nachweis des Einschreibens
evidence-text = Jeder Schritt dieses Einschreibens wurde aufgezeichnet und elektronisch signiert. Die englischen Namen sind die der europäischen Norm.
evidence-none = Es wurde noch nichts aufgezeichnet. Versuchen Sie es in einigen Minuten erneut.
evidence-accepted = Die Nachricht des Absenders wurde angenommen
evidence-rejected = Die Nachricht des Absenders wurde abgelehnt
evidence-notified = Der Empfänger wurde benachrichtigt
evidence-consigned = Die Nachricht wurde in das Postfach gelegt
evidence-failed = Die Nachricht konnte nicht in das Postfach gelegt werden oder lief ungelesen ab
evidence-handed-over = Der Empfänger hat die Nachricht gelesen
evidence-download = Den Nachweis herunterladen
evidence-check = Die Datei enthält alle signierten Schritte. Jeder kann sie ohne diese Website prüfen.

## Antworten
reply-title = Antworten
reply-to = Ihre Antwort geht an
reply-text = Ihre Nachricht
reply-files = Dateien hinzufügen (freiwillig)
reply-limits = Höchstens { $files } Dateien mit je { $size }: PDF, Text, Tabellen, Präsentationen oder ZIP.
reply-files-again = Wählen Sie Ihre Dateien erneut aus: Der Browser behält sie nicht.
reply-final = Eine gesendete Antwort kann nicht mehr geändert oder zurückgenommen werden.
reply-send = Antwort senden
reply-done = Ihre Antwort wurde gesendet.
reply-text-needed = Schreiben Sie Ihre Nachricht.
reply-text-long = Ihre Nachricht ist zu lang. Kürzen Sie sie oder fügen Sie sie als Datei hinzu.
reply-files-many = Sie haben zu viele Dateien hinzugefügt. Senden Sie weniger oder ein ZIP-Archiv.
reply-files-name = Eine Ihrer Dateien hat einen Namen, der nicht erlaubt ist. Benennen Sie sie um und wählen Sie sie erneut aus.
reply-files-kind = Eine Ihrer Dateien ist von einer Art, die nicht angenommen wird, oder nicht das, was ihr Name sagt. Wählen Sie eine andere.
reply-files-empty = Eine Ihrer Dateien ist leer. Wählen Sie eine andere.
reply-files-large = Eine Ihrer Dateien ist zu groß. Wählen Sie eine kleinere.

## Einstellungen
preferences-title = Einstellungen
preferences-saved = Ihre Einstellungen wurden gespeichert.
preferences-language = Sprache
preferences-language-hint = Die Sprache dieser Website und der Benachrichtigungen, die Sie erhalten.
preferences-email = E-Mail-Adresse
preferences-email-hint = Nur für Benachrichtigungen. Sie enthalten nie den Inhalt einer Nachricht. Zum Beispiel: name@example.be
preferences-email-fails = E-Mails an diese Adresse kamen zurück. Geben Sie eine andere Adresse an oder prüfen Sie diese.
preferences-email-wrong = Geben Sie eine E-Mail-Adresse in der richtigen Form an, zum Beispiel name@example.be.
preferences-email-needed = Geben Sie die E-Mail-Adresse an, unter der Sie benachrichtigt werden möchten.
preferences-notice = Wie möchten Sie erfahren, dass eine Nachricht angekommen ist?
preferences-notice-email = Per E-Mail, einmal am Tag; bei Einschreiben sofort
preferences-notice-message = Durch eine Nachricht auf Ihrem Mobiltelefon
preferences-notice-none = Gar nicht: Ich sehe selbst hier nach
preferences-paper = Briefe auf Papier
preferences-exclusively = Ich möchte meine Briefe nur digital erhalten
preferences-exclusively-hint = Einrichtungen, die Ihnen einen Brief digital senden können, senden ihn nicht mehr auf Papier. Sehen Sie also regelmäßig in Ihr Postfach: Fristen beginnen auch dann, wenn Sie eine Nachricht nicht gelesen haben.
preferences-save = Einstellungen speichern

## Benachrichtigungen beenden
unsubscribe-title = Keine Benachrichtigungen mehr
unsubscribe-text = Möchten Sie nicht mehr erfahren, wenn eine Nachricht in Ihrer e-Box ankommt?
unsubscribe-stays = Ihr Postfach bleibt, wie es ist, und es kommen weiter Nachrichten an. Sehen Sie regelmäßig nach: Fristen laufen auch, wenn Sie eine Nachricht nicht gelesen haben.
unsubscribe-button = Keine Benachrichtigungen mehr
unsubscribed-title = Sie erhalten keine Benachrichtigungen mehr
unsubscribed-text = Sie erfahren nicht mehr, wenn eine Nachricht ankommt. Sehen Sie selbst regelmäßig in Ihrem Postfach nach.
unsubscribed-again = Anmelden, um wieder Benachrichtigungen zu erhalten

## Einwilligungen
consents-title = Einwilligungen
consents-lead = Sie entscheiden, welche anderen Websites und Apps die Nachrichten dieses Postfachs zeigen dürfen.
consents-text = Ein Portal, dem Sie eine Einwilligung geben, kann Ihre Nachrichten in Ihrem Namen lesen. Sie können eine Einwilligung jederzeit widerrufen; sie endet dann sofort.
consents-none = Es gibt keine Portale, denen Sie eine Einwilligung geben können.
consents-is-given = Einwilligung gegeben
consents-is-not-given = Keine Einwilligung
consents-given-at = Zuletzt gegeben am { $moment }
consents-withdrawn-at = Widerrufen am { $moment }
consents-give = Einwilligung geben
consents-give-text = Wenn Sie einwilligen, kann { $portal } alle Nachrichten dieses Postfachs sehen und öffnen. Nachrichten, die dort geöffnet werden, gelten als gelesen.
consents-withdraw = Einwilligung widerrufen
consents-given = Sie haben Ihre Einwilligung gegeben.
consents-withdrawn = Sie haben Ihre Einwilligung widerrufen. Das Portal kann Ihre Nachrichten nicht mehr lesen.
consents-mistake = Wählen Sie eines der Portale aus der Liste.

## Hilfe
help-title = Hilfe
help-what-title = Was ist e-Box?
help-what = e-Box ist Ihr gesichertes digitales Postfach. Öffentliche Einrichtungen legen Briefe hinein, statt sie mit der Post zu senden.
help-read-title = Wann gilt eine Nachricht als gelesen?
help-read = Sobald Sie ihren Hauptinhalt öffnen: den Text oder die Datei, die als Hauptinhalt gekennzeichnet ist. Das ist endgültig, und der Absender kann es sehen. Die Liste anzusehen zählt nicht.
help-registered-title = Was ist ein Einschreiben?
help-registered = Es hat den Wert eines eingeschriebenen Briefes. Jeder Schritt wird aufgezeichnet und signiert. Sie werden darauf hingewiesen, bevor Sie es öffnen, und können den Nachweis herunterladen.
help-expiry-title = Wie lange bleiben Nachrichten?
help-expiry = Bei jeder Nachricht steht, bis wann sie verfügbar ist. Danach wird sie automatisch entfernt. Laden Sie rechtzeitig herunter, was Sie behalten möchten.
help-away-title = Kann ich eine Nachricht löschen?
help-away = Sie können Nachrichten ablegen; sie stehen dann nicht mehr in Ihrer Liste. Unter „Abgelegt“ bleiben sie verfügbar, bis sie ablaufen.
help-enterprise-title = Warum sehe ich nicht alle Nachrichten meines Unternehmens?
help-enterprise = Für manche Arten von Nachrichten ist ein Zugriffsrecht nötig. Fragen Sie die Person, die in Ihrem Unternehmen die Zugriffe verwaltet.
help-safe-title = Wie weiß ich, dass eine Nachricht echt ist?
help-safe = Nur bekannte Einrichtungen können hier Nachrichten ablegen. Benachrichtigungen fragen nie nach Ihrem Passwort oder Ihren Bankdaten und enthalten nie Dokumente.
help-contact-title = Haben Sie noch eine Frage?
help-contact = Wenn sie den Inhalt einer Nachricht betrifft, wenden Sie sich an den Absender. Die Kontaktdaten stehen in der Nachricht.
help-email = Bei Fragen zu dieser Website schreiben Sie an

## Barrierefreiheit
accessibility-title = Barrierefreiheit
accessibility-lead = Alle sollen diese Website nutzen können. Sie ist nach WCAG 2.2, Stufe AA, gebaut.
accessibility-how-title = Was wir getan haben
accessibility-keyboard = Sie können alles mit der Tastatur tun, und Sie sehen immer, wo Sie sind.
accessibility-reader = Überschriften, Listen, Formulare und Meldungen sind so ausgezeichnet, dass Screenreader sie richtig vorlesen, in der richtigen Sprache.
accessibility-zoom = Sie können den Text auf 400 % vergrößern, ohne seitwärts zu scrollen. Farben haben genug Kontrast, und nichts wird nur durch Farbe gezeigt. Eine dunkle Darstellung wird verwendet, wenn Ihr Gerät danach fragt.
accessibility-script = Die Website funktioniert ohne JavaScript, und nichts bewegt sich.
accessibility-limits-title = Was nicht immer barrierefrei ist
accessibility-limits = Dateien und Texte kommen von den Einrichtungen, die sie senden. Sie können weniger barrierefrei sein. Bitten Sie in diesem Fall den Absender um eine andere Fassung.
accessibility-tell-title = Sagen Sie es uns
accessibility-tell = Ist etwas schwer zu benutzen? Sagen Sie uns, auf welcher Seite und womit Sie sie lesen. Wir antworten Ihnen und suchen eine Lösung.

## Was schiefgehen kann
error-back = Zu Ihren Nachrichten
error-start = Zur Startseite
error-no-page = Seite nicht gefunden
error-no-page-text = Diese Seite gibt es nicht. Prüfen Sie die Adresse oder beginnen Sie von vorn.
error-no-link = Dieser Link funktioniert nicht
error-no-link-text = Der Link ist unvollständig, oder er gehört zu einer E-Mail-Adresse, die für dieses Postfach nicht mehr verwendet wird. Es wurde nichts geändert. Sie können Ihre Einstellungen ändern, nachdem Sie sich angemeldet haben.
error-gone = Nachricht nicht gefunden
error-gone-text = Diese Nachricht ist nicht in dem geöffneten Postfach. Vielleicht ist sie abgelaufen, oder sie ist in einem anderen Ihrer Postfächer.
error-away = Der Absender ist nicht erreichbar
error-away-text = Die Einrichtung, die dieses Dokument aufbewahrt, antwortet zurzeit nicht. Das Dokument ist nicht verloren. Versuchen Sie es später erneut.
error-wrong = Das Dokument kann nicht angezeigt werden
error-wrong-text = Die Einrichtung, die dieses Dokument aufbewahrt, hat etwas anderes gesendet. Versuchen Sie es später erneut oder wenden Sie sich an den Absender.
error-scanning = Die Datei wird geprüft
error-scanning-text = Diese Datei wird noch auf Viren geprüft. Versuchen Sie es in einigen Minuten erneut.
error-quarantined = Die Datei ist gesperrt
error-quarantined-text = Ein Virenscanner hat in dieser Datei etwas gefunden. Zu Ihrer Sicherheit kann sie nicht geöffnet werden. Wenden Sie sich an den Absender.
error-no-reply = Antworten nicht möglich
error-no-reply-text = Der Absender nimmt auf diese Nachricht keine Antworten an.
error-forged = Dieses Formular ist veraltet
error-forged-text = Sie haben inzwischen das Postfach gewechselt oder sich neu angemeldet. Es wurde nichts geändert. Gehen Sie zurück, laden Sie die Seite neu und versuchen Sie es noch einmal.
error-unreadable = Das hat nicht geklappt
error-unreadable-text = Was Ihr Browser gesendet hat, konnte nicht gelesen werden. Es wurde nichts geändert. Gehen Sie zurück und versuchen Sie es erneut.
error-busy = Zurzeit sehr viel Betrieb
error-busy-text = Viele Menschen nutzen die Website im Moment. Versuchen Sie es in einer Minute erneut.
error-read-only = Zurzeit sind keine Änderungen möglich
error-read-only-text = Sie können Ihre Nachrichten lesen, aber zurzeit kann nichts geändert werden. Versuchen Sie es später erneut.
error-down = Etwas ist schiefgegangen
error-down-text = Ihr Postfach kann zurzeit nicht angezeigt werden. Wir sind informiert. Versuchen Sie es später erneut.
error-sign-in-away = Anmelden ist zurzeit nicht möglich
error-sign-in-away-text = Der Anmeldedienst antwortet nicht. Versuchen Sie es in einigen Minuten erneut.
error-sign-in-wrong = Die Anmeldung hat nicht geklappt
error-sign-in-wrong-text = Der Anmeldedienst hat eine Antwort gesendet, die nicht geprüft werden konnte. Zu Ihrer Sicherheit wurden Sie nicht angemeldet. Versuchen Sie es später erneut.
error-sign-in-weak = Eine stärkere Anmeldung ist nötig
error-sign-in-weak-text = Sie haben sich mit einem Mittel angemeldet, das für dieses Postfach nicht stark genug ist. Melden Sie sich erneut an, zum Beispiel mit Ihrer eID oder itsme®.
error-sign-in-number = Keine gültige Nummer
error-sign-in-number-text = Der Anmeldedienst hat uns keine gültige Nationalregisternummer oder BIS-Nummer gegeben. Ohne sie können wir Ihr Postfach nicht finden.
error-stale = Die Anmeldung hat zu lange gedauert
error-stale-text = Die Anmeldung ist abgelaufen, wurde schon benutzt oder in einem anderen Fenster begonnen. Beginnen Sie von vorn.
error-denied = Sie sind nicht angemeldet
error-denied-text = Die Anmeldung wurde abgebrochen oder abgelehnt. Beginnen Sie von vorn, wenn Sie Ihre Nachrichten lesen möchten.
