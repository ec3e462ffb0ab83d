# Notices of the e-Box. Nothing of a document, its sender or its reader may stand here: anybody may see a screen.
subject-registered = Aangetekende zending in uw e-Box
subject-digest = { $count ->
    [one] 1 bericht in uw e-Box
   *[other] { $count } berichten in uw e-Box
}
registered = Er is een aangetekende zending in uw e-Box aangekomen.
registered-why = Zodra u ze opent, krijgt de afzender het bewijs dat u ze gelezen hebt.
digest = Dit wacht op u in uw e-Box:
new = { $count ->
    [one] 1 nieuw bericht
   *[other] { $count } nieuwe berichten
}
unread = { $count ->
    [one] 1 bericht dat u al 15 dagen niet gelezen hebt
   *[other] { $count } berichten die u al 15 dagen niet gelezen hebt
}
expiring = { $count ->
    [one] 1 ongelezen bericht dat binnen 7 dagen vervalt
   *[other] { $count } ongelezen berichten die binnen 7 dagen vervallen
}
read = Uw berichten lezen
safe = Voor uw veiligheid schrijven we hier nooit waarover een bericht gaat, en vragen we nooit uw wachtwoord of bankgegevens.
why = U krijgt deze e-mail omdat u gevraagd hebt om verwittigd te worden van berichten in uw e-Box.
change = Uw voorkeuren wijzigen
stop = Deze e-mails niet meer ontvangen
message-registered = Er is een aangetekende zending in uw e-Box aangekomen. Lees ze op { $link }
message-digest = Er wachten berichten in uw e-Box. Lees ze op { $link }
