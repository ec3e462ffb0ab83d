# Notices of the e-Box. Nothing of a document, its sender or its reader may stand here: anybody may see a screen.
subject-registered = Envoi recommandé dans votre e-Box
subject-digest = { $count ->
    [one] 1 message dans votre e-Box
   *[other] { $count } messages dans votre e-Box
}
registered = Un envoi recommandé est arrivé dans votre e-Box.
registered-why = Dès que vous l’ouvrez, l’expéditeur reçoit la preuve que vous l’avez lu.
digest = Voici ce qui vous attend dans votre e-Box :
new = { $count ->
    [one] 1 nouveau message
   *[other] { $count } nouveaux messages
}
unread = { $count ->
    [one] 1 message que vous n’avez pas lu depuis 15 jours
   *[other] { $count } messages que vous n’avez pas lus depuis 15 jours
}
expiring = { $count ->
    [one] 1 message non lu qui expire dans les 7 jours
   *[other] { $count } messages non lus qui expirent dans les 7 jours
}
read = Lire vos messages
safe = Pour votre sécurité, nous n’écrivons jamais ici de quoi parle un message, et nous ne demandons jamais votre mot de passe ni vos données bancaires.
why = Vous recevez cet e-mail parce que vous avez demandé à être averti des messages de votre e-Box.
change = Modifier vos préférences
stop = Ne plus recevoir ces e-mails
message-registered = Un envoi recommandé est arrivé dans votre e-Box. Lisez-le sur { $link }
message-digest = Des messages vous attendent dans votre e-Box. Lisez-les sur { $link }
