## Wat op elke pagina staat
product = e-Box
skip = Naar de inhoud
languages = Taal
navigation = Uw brievenbus
about = Over deze site
pages = Pagina’s
mailbox-of = Brievenbus van
mailbox-own = uzelf
sign-out = Afmelden
mistakes-title = Verbeter het volgende
mistakes-short = Fout
language-fr = Frans
language-nl = Nederlands
language-de = Duits
language-en = Engels

## Aan- en afmelden
sign-in-title = Uw e-Box
sign-in-lead = Hier leest u de brieven die overheidsinstellingen u sturen: veilig, op één plaats, wanneer u wilt.
sign-in-button = Aanmelden
sign-in-how-title = Hoe het werkt
sign-in-how = U gaat naar de aanmelddienst van de overheid en bewijst daar wie u bent, bijvoorbeeld met uw eID of itsme®. Daarna komt u hier terug. Na 15 minuten zonder activiteit wordt u afgemeld.
sign-in-who-title = Wie zich kan aanmelden
sign-in-who-citizen = Burgers met een rijksregisternummer of een BIS-nummer, voor hun eigen brievenbus.
sign-in-who-enterprise = Mensen die voor een onderneming mogen handelen, voor de brievenbus van die onderneming. Zij zien de berichten waarvoor ze rechten hebben.
sign-in-privacy-title = Uw privacy
sign-in-privacy = Deze site gebruikt alleen de cookies die nodig zijn om u aangemeld te houden en uw taal te onthouden. Niemand volgt wat u hier doet. Elke toegang tot uw brievenbus wordt geregistreerd, zodat misbruik aan het licht komt.
sign-in-again = Opnieuw aanmelden
signed-out-title = U bent afgemeld
signed-out-text = U kunt dit venster sluiten. Sluit op een gedeelde computer de hele browser.

## Een brievenbus kiezen
choose-title = Welke brievenbus wilt u openen?
choose-other = Andere brievenbus
choose-legend = Brievenbussen die u mag openen
choose-own = Uw eigen brievenbus
choose-rights = { $count ->
    [0] Brievenbus van een onderneming; u hebt geen bijzondere toegangsrechten
    [one] Brievenbus van een onderneming; u hebt 1 toegangsrecht
   *[other] Brievenbus van een onderneming; u hebt { $count } toegangsrechten
}
choose-button = Brievenbus openen
choose-mistake = Kies een van de brievenbussen uit de lijst.

## Activeren
activate-title = Deze brievenbus activeren
activate-lead = Deze brievenbus is nog niet geactiveerd. Misschien wachten er al berichten.
activate-what-title = Wat activeren betekent
activate-what-read = U leest hier de berichten van overheidsinstellingen. Ze blijven beschikbaar tot de datum die bij elk bericht staat.
activate-what-legal = Een bericht dat in een actieve brievenbus wordt geplaatst, kan dezelfde juridische waarde hebben als een brief op papier. Kijk regelmatig in uw brievenbus.
activate-what-paper = Instellingen kunnen u nog brieven op papier sturen, tenzij u ervoor kiest om alles digitaal te ontvangen. Dat beslist u in uw voorkeuren.
activate-what-notice = U kunt een melding krijgen wanneer er een bericht aankomt. Ook dat stelt u in bij uw voorkeuren.
activate-what-stop = U kunt de brievenbus op elk moment weer deactiveren.
activate-what-enterprise = U activeert de brievenbus voor de hele onderneming. Anderen die voor haar mogen handelen, kunnen ze ook lezen.
activate-agree = Ik heb dit gelezen en wil de brievenbus activeren
activate-button = Activeren
activate-mistake = Vink het vakje aan om te bevestigen dat u de brievenbus wilt activeren.
activate-done = De brievenbus is actief. Stel in uw voorkeuren in hoe u meldingen wilt krijgen.

## Deactiveren
deactivate-title = De brievenbus deactiveren
deactivate-short = Wilt u uw berichten niet meer digitaal lezen?
deactivate-link = Deze brievenbus deactiveren
deactivate-back = Terug naar de voorkeuren
deactivate-lead = Weet u het zeker? Lees wat er verandert.
deactivate-what-read = U kunt hier geen berichten meer lezen. Instellingen zien dat niemand deze brievenbus digitaal leest.
deactivate-what-paper = Instellingen sturen u weer brieven op papier.
deactivate-what-kept = Berichten in de brievenbus blijven daar tot ze verlopen. Download wat u wilt bewaren.
deactivate-what-again = U kunt de brievenbus op elk moment opnieuw activeren. U vindt er dan ook de berichten die intussen zijn aangekomen.
deactivate-sure = Ja, ik wil de brievenbus deactiveren
deactivate-button = Deactiveren
deactivate-mistake = Vink het vakje aan om te bevestigen dat u de brievenbus wilt deactiveren.
deactivated-title = De brievenbus is gedeactiveerd
deactivated-text = Niemand kan ze hier lezen tot ze opnieuw is geactiveerd. U kunt zich nu afmelden.
deactivated-again = Opnieuw activeren

## De lijst
list-title = Berichten
list-away-title = Opgeborgen
list-away-text = Berichten die u hebt opgeborgen. Ze zijn niet verwijderd: u kunt ze terugzetten zolang ze beschikbaar zijn.
list-found = { $count ->
    [0] Geen berichten
    [one] 1 bericht
   *[other] { $count } berichten
}
list-for = voor ‘{ $words }’
list-unread = { $count ->
    [0] Alles is gelezen
    [one] 1 ongelezen bericht
   *[other] { $count } ongelezen berichten
}
list-page = Pagina { $page } van { $pages }
list-newer = Nieuwere berichten
list-older = Oudere berichten
list-until = Beschikbaar tot { $day }
list-files = { $count ->
    [one] 1 bestand
   *[other] { $count } bestanden
}
list-select = ‘{ $subject }’ selecteren
list-put-selected-away = Geselecteerde berichten opbergen
list-bring-back = Geselecteerde berichten terugzetten
list-put-away = De berichten zijn opgeborgen. U vindt ze onder ‘Opgeborgen’.
list-brought-back = De berichten staan weer in uw lijst.
list-none-selected = Selecteer eerst ten minste één bericht.
list-empty = Er zijn nog geen berichten voor u.
list-empty-away = U hebt geen berichten opgeborgen.
list-empty-filtered = Geen enkel bericht past bij uw zoekopdracht of filter.
marks = Kenmerken
mark-unread = Ongelezen
mark-registered = Aangetekend
mark-payment = Te betalen
search-label = Zoeken in uw berichten
search-button = Zoeken
filter-title = Filteren
filter-unread = Alleen ongelezen berichten
filter-type = Soort bericht
filter-all-types = Alle soorten
filter-sender = Afzender
filter-all-senders = Alle afzenders
filter-button = Tonen
filter-none = Zoekopdracht en filter wissen

## Een bericht
message-back = Terug naar de berichten
message-from = Van
message-received = Ontvangen
message-until = Beschikbaar tot
message-read = Gelezen
message-unread = Nog niet
message-attention = Ter attentie van
message-contact = Contact
message-replies = Dit is een antwoord.
message-original = Het eerste bericht lezen
message-text = Tekst van het bericht
message-other-language = De afzender schreef dit bericht alleen in een andere taal: { $language }.
message-actions = Wat u kunt doen
message-put-away = Dit bericht opbergen
message-bring-back = Dit bericht terugzetten
message-final = Zodra u de hoofdinhoud hebt geopend, geldt het bericht als gelezen. Dat is definitief: de afzender mag erop vertrouwen.
registered-title = Aangetekende zending
registered-warning = Dit is een aangetekende zending. Zodra u de hoofdinhoud opent, krijgt de afzender het bewijs dat u ze hebt gelezen, met datum en uur.
registered-text = Dit bericht werd aangetekend verzonden. Elke stap is vastgelegd en ondertekend.
registered-open = Het bericht openen
files-title = Bestanden
files-elsewhere = De afzender bewaart deze bestanden. Ze worden daar opgehaald wanneer u ze opent.
file-main = Hoofdinhoud
file-signed = Elektronisch ondertekend
file-show = Bekijken
file-download = Downloaden
file-back = Terug naar het bericht
file-frame-text = Toont uw browser het document niet? Download het dan.
file-scanning = Dit bestand wordt nog op virussen gecontroleerd. Probeer het over enkele minuten opnieuw.
file-quarantined = Een virusscanner heeft iets gevonden in dit bestand. Voor uw veiligheid kan het niet worden geopend. Neem contact op met de afzender.
kind-pdf = pdf-document
kind-zip = zip-archief
kind-html = webpagina
kind-text = tekst
kind-writing = tekstdocument
kind-table = rekenblad
kind-slides = presentatie
kind-drawing = tekening
pay-title = Te betalen
pay-vat = waarvan btw
pay-due = Te betalen vóór of op
pay-overdue = Datum verstreken
pay-iban = Op rekening (IBAN)
pay-bic = BIC
pay-reference = Mededeling
pay-text = Betaal met uw eigen bankapp of via uw bank. Op deze site gebeurt geen betaling. Hebt u al betaald, dan hoeft u niets meer te doen.

## Bewijzen
evidence-title = Bewijs van aangetekende zending
evidence-text = Elke stap van deze aangetekende zending werd vastgelegd en elektronisch ondertekend. De Engelse namen zijn die van de Europese norm.
evidence-none = Er is nog niets vastgelegd. Probeer het over enkele minuten opnieuw.
evidence-accepted = Het bericht van de afzender werd aanvaard
evidence-rejected = Het bericht van de afzender werd geweigerd
evidence-notified = De ontvanger kreeg een melding
evidence-consigned = Het bericht werd in de brievenbus geplaatst
evidence-failed = Het bericht kon niet in de brievenbus worden geplaatst, of het verliep ongelezen
evidence-handed-over = De ontvanger heeft het bericht gelezen
evidence-download = Het bewijs downloaden
evidence-check = Het bestand bevat alle ondertekende stappen. Iedereen kan ze zonder deze site controleren.

## Antwoorden
reply-title = Antwoorden
reply-to = Uw antwoord gaat naar
reply-text = Uw bericht
reply-files = Bestanden toevoegen (niet verplicht)
reply-limits = Ten hoogste { $files } bestanden van elk { $size }: pdf, tekst, rekenbladen, presentaties of zip.
reply-files-again = Kies uw bestanden opnieuw: de browser bewaart ze niet.
reply-final = Een verzonden antwoord kan niet meer worden gewijzigd of teruggenomen.
reply-send = Antwoord verzenden
reply-done = Uw antwoord is verzonden.
reply-text-needed = Schrijf uw bericht.
reply-text-long = Uw bericht is te lang. Kort het in of voeg het toe als bestand.
reply-files-many = U hebt te veel bestanden toegevoegd. Verzend er minder, of een zip-archief.
reply-files-name = Een van uw bestanden heeft een naam die niet is toegestaan. Geef het een andere naam en kies het opnieuw.
reply-files-kind = Een van uw bestanden is van een soort die niet wordt aanvaard, of is niet wat de naam zegt. Kies een ander.
reply-files-empty = Een van uw bestanden is leeg. Kies een ander.
reply-files-large = Een van uw bestanden is te groot. Kies een kleiner.

## Voorkeuren
preferences-title = Voorkeuren
preferences-saved = Uw voorkeuren zijn bewaard.
preferences-language = Taal
preferences-language-hint = De taal van deze site en van de meldingen die u krijgt.
preferences-email = E-mailadres
preferences-email-hint = Alleen voor meldingen. Ze bevatten nooit de inhoud van een bericht. Bijvoorbeeld: naam@example.be
preferences-email-fails = E-mails naar dit adres kwamen terug. Vul een ander adres in of kijk dit adres na.
preferences-email-wrong = Vul een e-mailadres in de juiste vorm in, zoals naam@example.be.
preferences-email-needed = Vul het e-mailadres in waarop u meldingen wilt krijgen.
preferences-notice = Hoe wilt u weten dat er een bericht is aangekomen?
preferences-notice-email = Per e-mail, één keer per dag; voor een aangetekende zending meteen
preferences-notice-message = Met een bericht op uw mobiele telefoon
preferences-notice-none = Helemaal niet: ik kijk hier zelf
preferences-paper = Brieven op papier
preferences-exclusively = Ik wil mijn brieven alleen digitaal ontvangen
preferences-exclusively-hint = Instellingen die u een brief digitaal kunnen sturen, sturen hem niet meer op papier. Kijk dus regelmatig in uw brievenbus: termijnen beginnen ook te lopen als u een bericht niet hebt gelezen.
preferences-save = Voorkeuren bewaren

## Meldingen stopzetten
unsubscribe-title = Geen meldingen meer
unsubscribe-text = Wilt u niet meer verwittigd worden wanneer er een bericht in uw e-Box aankomt?
unsubscribe-stays = Uw brievenbus blijft zoals ze is, en er komen nog berichten aan. Kijk er regelmatig in: termijnen lopen ook als u een bericht niet gelezen hebt.
unsubscribe-button = Geen meldingen meer
unsubscribed-title = U krijgt geen meldingen meer
unsubscribed-text = U wordt niet meer verwittigd wanneer er een bericht aankomt. Kijk zelf regelmatig in uw brievenbus.
unsubscribed-again = Aanmelden om weer meldingen te krijgen

## Toestemmingen
consents-title = Toestemmingen
consents-lead = U beslist welke andere sites en apps de berichten van deze brievenbus mogen tonen.
consents-text = Een portaal waaraan u toestemming geeft, kan uw berichten lezen in uw naam. U kunt een toestemming op elk moment intrekken; ze stopt dan meteen.
consents-none = Er zijn geen portalen waaraan u toestemming kunt geven.
consents-is-given = Toestemming gegeven
consents-is-not-given = Geen toestemming
consents-given-at = Laatst gegeven op { $moment }
consents-withdrawn-at = Ingetrokken op { $moment }
consents-give = Toestemming geven
consents-give-text = Als u toestemming geeft, kan { $portal } alle berichten van deze brievenbus zien en openen. Berichten die daar worden geopend, gelden als gelezen.
consents-withdraw = Toestemming intrekken
consents-given = U hebt toestemming gegeven.
consents-withdrawn = U hebt uw toestemming ingetrokken. Het portaal kan uw berichten niet meer lezen.
consents-mistake = Kies een van de portalen uit de lijst.

## Hulp
help-title = Hulp
help-what-title = Wat is e-Box?
help-what = e-Box is uw beveiligde digitale brievenbus. Overheidsinstellingen plaatsen er brieven in plaats van ze per post te sturen.
help-read-title = Wanneer geldt een bericht als gelezen?
help-read = Zodra u de hoofdinhoud opent: de tekst, of het bestand dat als hoofdinhoud is aangeduid. Dat is definitief, en de afzender kan het zien. De lijst bekijken telt niet.
help-registered-title = Wat is een aangetekende zending?
help-registered = Ze heeft de waarde van een aangetekende brief. Elke stap wordt vastgelegd en ondertekend. U wordt verwittigd voor u ze opent, en u kunt het bewijs downloaden.
help-expiry-title = Hoe lang blijven berichten?
help-expiry = Bij elk bericht staat tot wanneer het beschikbaar is. Daarna wordt het automatisch verwijderd. Download op tijd wat u wilt bewaren.
help-away-title = Kan ik een bericht verwijderen?
help-away = U kunt berichten opbergen; ze staan dan niet meer in uw lijst. Ze blijven beschikbaar onder ‘Opgeborgen’ tot ze verlopen.
help-enterprise-title = Waarom zie ik niet alle berichten van mijn onderneming?
help-enterprise = Voor sommige soorten berichten is een toegangsrecht nodig. Vraag het aan wie in uw onderneming de toegang beheert.
help-safe-title = Hoe weet ik dat een bericht echt is?
help-safe = Alleen gekende instellingen kunnen hier berichten plaatsen. Meldingen vragen nooit naar uw wachtwoord of bankgegevens, en bevatten nooit documenten.
help-contact-title = Hebt u nog een vraag?
help-contact = Gaat ze over de inhoud van een bericht, neem dan contact op met de afzender. De contactgegevens staan in het bericht.
help-email = Voor vragen over deze site schrijft u naar

## Toegankelijkheid
accessibility-title = Toegankelijkheid
accessibility-lead = Iedereen moet deze site kunnen gebruiken. Ze is gebouwd volgens WCAG 2.2, niveau AA.
accessibility-how-title = Wat we hebben gedaan
accessibility-keyboard = U kunt alles met het toetsenbord doen, en u ziet altijd waar u bent.
accessibility-reader = Titels, lijsten, formulieren en meldingen zijn zo opgebouwd dat schermlezers ze juist voorlezen, in de juiste taal.
accessibility-zoom = U kunt de tekst vergroten tot 400 % zonder opzij te scrollen. Kleuren hebben voldoende contrast, en niets wordt alleen met kleur getoond. Een donkere weergave wordt gebruikt als uw toestel erom vraagt.
accessibility-script = De site werkt zonder JavaScript, en niets beweegt.
accessibility-limits-title = Wat niet altijd toegankelijk is
accessibility-limits = Bestanden en teksten komen van de instellingen die ze versturen. Ze kunnen minder toegankelijk zijn. Vraag dan een andere versie aan de afzender.
accessibility-tell-title = Laat het ons weten
accessibility-tell = Is iets moeilijk te gebruiken? Zeg ons op welke pagina, en waarmee u ze leest. We antwoorden u en zoeken een oplossing.

## Wat er mis kan gaan
error-back = Naar uw berichten
error-start = Naar de startpagina
error-no-page = Pagina niet gevonden
error-no-page-text = Deze pagina bestaat niet. Kijk het adres na of begin opnieuw.
error-no-link = Deze link werkt niet
error-no-link-text = De link is onvolledig, of hij hoort bij een e-mailadres dat niet meer gebruikt wordt voor deze brievenbus. Er is niets gewijzigd. U kunt uw voorkeuren wijzigen nadat u zich hebt aangemeld.
error-gone = Bericht niet gevonden
error-gone-text = Dit bericht staat niet in de geopende brievenbus. Misschien is het verlopen, of staat het in een andere brievenbus van u.
error-away = De afzender is niet bereikbaar
error-away-text = De instelling die dit document bewaart, antwoordt op dit moment niet. Het document is niet verloren. Probeer het later opnieuw.
error-wrong = Het document kan niet worden getoond
error-wrong-text = De instelling die dit document bewaart, heeft iets anders gestuurd. Probeer het later opnieuw of neem contact op met de afzender.
error-scanning = Het bestand wordt gecontroleerd
error-scanning-text = Dit bestand wordt nog op virussen gecontroleerd. Probeer het over enkele minuten opnieuw.
error-quarantined = Het bestand is geblokkeerd
error-quarantined-text = Een virusscanner heeft iets gevonden in dit bestand. Voor uw veiligheid kan het niet worden geopend. Neem contact op met de afzender.
error-no-reply = Antwoorden kan niet
error-no-reply-text = De afzender aanvaardt geen antwoorden op dit bericht.
error-forged = Dit formulier is verouderd
error-forged-text = U hebt intussen een andere brievenbus gekozen of u opnieuw aangemeld. Er is niets gewijzigd. Ga terug, laad de pagina opnieuw en probeer het nog eens.
error-unreadable = Dat is niet gelukt
error-unreadable-text = Wat uw browser stuurde, kon niet worden gelezen. Er is niets gewijzigd. Ga terug en probeer het opnieuw.
error-busy = Het is nu erg druk
error-busy-text = Veel mensen gebruiken de site op dit moment. Probeer het over een minuut opnieuw.
error-read-only = Nu zijn geen wijzigingen mogelijk
error-read-only-text = U kunt uw berichten lezen, maar er kan op dit moment niets worden gewijzigd. Probeer het later opnieuw.
error-down = Er ging iets mis
error-down-text = Uw brievenbus kan op dit moment niet worden getoond. Wij zijn op de hoogte. Probeer het later opnieuw.
error-sign-in-away = Aanmelden is nu niet mogelijk
error-sign-in-away-text = De aanmelddienst antwoordt niet. Probeer het over enkele minuten opnieuw.
error-sign-in-wrong = Aanmelden is niet gelukt
error-sign-in-wrong-text = De aanmelddienst stuurde een antwoord dat niet kon worden gecontroleerd. Voor uw veiligheid bent u niet aangemeld. Probeer het later opnieuw.
error-sign-in-weak = Een sterkere aanmelding is nodig
error-sign-in-weak-text = U hebt zich aangemeld met een middel dat niet sterk genoeg is voor deze brievenbus. Meld u opnieuw aan, bijvoorbeeld met uw eID of itsme®.
error-sign-in-number = Geen geldig nummer
error-sign-in-number-text = De aanmelddienst gaf ons geen geldig rijksregisternummer of BIS-nummer. Zonder dat nummer kunnen we uw brievenbus niet vinden.
error-stale = Het aanmelden duurde te lang
error-stale-text = De aanmelding is verlopen, werd al gebruikt of werd in een ander venster begonnen. Begin opnieuw.
error-denied = U bent niet aangemeld
error-denied-text = De aanmelding werd geannuleerd of geweigerd. Begin opnieuw als u uw berichten wilt lezen.
