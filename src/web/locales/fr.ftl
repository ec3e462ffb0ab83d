## Ce que chaque page contient
product = e-Box
skip = Aller au contenu
languages = Langue
navigation = Votre boîte aux lettres
about = À propos de ce site
pages = Pages
mailbox-of = Boîte aux lettres de
mailbox-own = vous-même
sign-out = Se déconnecter
mistakes-title = Veuillez corriger ce qui suit
mistakes-short = Erreur
language-fr = français
language-nl = néerlandais
language-de = allemand
language-en = anglais

## Connexion et déconnexion
sign-in-title = Votre e-Box
sign-in-lead = Vous lisez ici les lettres que les institutions publiques vous envoient : en toute sécurité, en un seul endroit, quand vous le voulez.
sign-in-button = Se connecter
sign-in-how-title = Comment cela fonctionne
sign-in-how = Vous êtes conduit vers le service de connexion des autorités, où vous prouvez votre identité, par exemple avec votre eID ou itsme®. Ensuite, vous revenez ici. Après 15 minutes sans activité, vous êtes déconnecté.
sign-in-who-title = Qui peut se connecter
sign-in-who-citizen = Les citoyens qui ont un numéro de registre national ou un numéro BIS, pour leur propre boîte aux lettres.
sign-in-who-enterprise = Les personnes qui peuvent agir pour une entreprise, pour la boîte aux lettres de celle-ci. Elles voient les messages pour lesquels elles ont des droits.
sign-in-privacy-title = Votre vie privée
sign-in-privacy = Ce site n’utilise que les cookies nécessaires pour que vous restiez connecté et pour retenir votre langue. Personne ne suit ce que vous faites ici. Chaque accès à votre boîte aux lettres est enregistré, afin que tout abus puisse être découvert.
sign-in-again = Se connecter à nouveau
signed-out-title = Vous êtes déconnecté
signed-out-text = Vous pouvez fermer cette fenêtre. Sur un ordinateur partagé, fermez tout le navigateur.

## Choix d’une boîte aux lettres
choose-title = Quelle boîte aux lettres voulez-vous ouvrir ?
choose-other = Changer de boîte aux lettres
choose-legend = Boîtes aux lettres que vous pouvez ouvrir
choose-own = Votre propre boîte aux lettres
choose-rights = { $count ->
    [0] Boîte aux lettres d’une entreprise ; vous n’avez pas de droit d’accès particulier
    [one] Boîte aux lettres d’une entreprise ; vous avez 1 droit d’accès
   *[other] Boîte aux lettres d’une entreprise ; vous avez { $count } droits d’accès
}
choose-button = Ouvrir la boîte aux lettres
choose-mistake = Choisissez une des boîtes aux lettres de la liste.

## Activation
activate-title = Activer cette boîte aux lettres
activate-lead = Cette boîte aux lettres n’a pas encore été activée. Des messages y attendent peut-être déjà.
activate-what-title = Ce que signifie l’activation
activate-what-read = Vous lisez ici les messages des institutions publiques. Ils restent disponibles jusqu’à la date indiquée pour chaque message.
activate-what-legal = Un message déposé dans une boîte aux lettres active peut avoir la même valeur juridique qu’une lettre sur papier. Consultez régulièrement votre boîte aux lettres.
activate-what-paper = Les institutions peuvent encore vous envoyer des lettres sur papier, sauf si vous choisissez de tout recevoir par voie numérique. Vous en décidez dans vos préférences.
activate-what-notice = Vous pouvez être averti de l’arrivée d’un message. Cela aussi se règle dans vos préférences.
activate-what-stop = Vous pouvez désactiver la boîte aux lettres à tout moment.
activate-what-enterprise = Vous activez la boîte aux lettres pour toute l’entreprise. D’autres personnes qui peuvent agir pour elle peuvent aussi la lire.
activate-agree = J’ai lu ce qui précède et je veux activer la boîte aux lettres
activate-button = Activer
activate-mistake = Cochez la case pour confirmer que vous voulez activer la boîte aux lettres.
activate-done = La boîte aux lettres est active. Indiquez dans vos préférences comment vous voulez être averti.

## Désactivation
deactivate-title = Désactiver la boîte aux lettres
deactivate-short = Vous ne voulez plus lire vos messages par voie numérique ?
deactivate-link = Désactiver cette boîte aux lettres
deactivate-back = Retour aux préférences
deactivate-lead = En êtes-vous sûr ? Lisez ce qui va changer.
deactivate-what-read = Vous ne pourrez plus lire de messages ici. Les institutions voient que personne ne lit cette boîte aux lettres par voie numérique.
deactivate-what-paper = Les institutions vous enverront de nouveau des lettres sur papier.
deactivate-what-kept = Les messages qui se trouvent dans la boîte aux lettres y restent jusqu’à leur expiration. Téléchargez ce que vous voulez conserver.
deactivate-what-again = Vous pouvez réactiver la boîte aux lettres à tout moment. Vous y trouverez alors les messages arrivés entre-temps.
deactivate-sure = Oui, je veux désactiver la boîte aux lettres
deactivate-button = Désactiver
deactivate-mistake = Cochez la case pour confirmer que vous voulez désactiver la boîte aux lettres.
deactivated-title = La boîte aux lettres est désactivée
deactivated-text = Personne ne peut la lire ici avant qu’elle soit réactivée. Vous pouvez maintenant vous déconnecter.
deactivated-again = La réactiver

## La liste
list-title = Messages
list-away-title = Messages rangés
list-away-text = Les messages que vous avez rangés. Ils ne sont pas supprimés : vous pouvez les remettre dans la liste tant qu’ils sont disponibles.
list-found = { $count ->
    [0] Aucun message
    [one] 1 message
   *[other] { $count } messages
}
list-for = pour « { $words } »
list-unread = { $count ->
    [0] Tout a été lu
    [one] 1 message non lu
   *[other] { $count } messages non lus
}
list-page = Page { $page } sur { $pages }
list-newer = Messages plus récents
list-older = Messages plus anciens
list-until = Disponible jusqu’au { $day }
list-files = { $count ->
    [one] 1 fichier
   *[other] { $count } fichiers
}
list-select = Sélectionner « { $subject } »
list-put-selected-away = Ranger les messages sélectionnés
list-bring-back = Remettre les messages sélectionnés dans la liste
list-put-away = Les messages ont été rangés. Vous les trouvez sous « Messages rangés ».
list-brought-back = Les messages sont de nouveau dans votre liste.
list-none-selected = Sélectionnez d’abord au moins un message.
list-empty = Il n’y a pas encore de message pour vous.
list-empty-away = Vous n’avez rangé aucun message.
list-empty-filtered = Aucun message ne correspond à votre recherche ou à votre filtre.
marks = Caractéristiques
mark-unread = Non lu
mark-registered = Recommandé
mark-payment = À payer
search-label = Rechercher dans vos messages
search-button = Rechercher
filter-title = Filtrer
filter-unread = Messages non lus uniquement
filter-type = Type de message
filter-all-types = Tous les types
filter-sender = Expéditeur
filter-all-senders = Tous les expéditeurs
filter-button = Afficher
filter-none = Supprimer la recherche et le filtre

## Un message
message-back = Retour aux messages
message-from = De
message-received = Reçu le
message-until = Disponible jusqu’au
message-read = Lu le
message-unread = Pas encore lu
message-attention = À l’attention de
message-contact = Contact
message-replies = Ceci est une réponse.
message-original = Lire le premier message
message-text = Texte du message
message-other-language = L’expéditeur a écrit ce message uniquement dans une autre langue : { $language }.
message-actions = Ce que vous pouvez faire
message-put-away = Ranger ce message
message-bring-back = Remettre ce message dans la liste
message-final = Dès que vous avez ouvert le contenu principal, le message est considéré comme lu. C’est définitif : l’expéditeur peut s’y fier.
registered-title = Envoi recommandé
registered-warning = Ceci est un envoi recommandé. Dès que vous ouvrez le contenu principal, l’expéditeur reçoit la preuve que vous l’avez lu, avec la date et l’heure.
registered-text = Ce message a été envoyé par recommandé. Chaque étape est enregistrée et signée.
registered-open = Ouvrir le message
files-title = Fichiers
files-elsewhere = L’expéditeur conserve ces fichiers. Ils sont demandés à l’expéditeur lorsque vous les ouvrez.
file-main = Contenu principal
file-signed = Signé électroniquement
file-show = Afficher
file-download = Télécharger
file-back = Retour au message
file-frame-text = Si votre navigateur n’affiche pas le document, téléchargez-le.
file-scanning = La recherche de virus dans ce fichier est en cours. Réessayez dans quelques minutes.
file-quarantined = Un antivirus a trouvé quelque chose dans ce fichier. Pour votre sécurité, il ne peut pas être ouvert. Contactez l’expéditeur.
kind-pdf = document PDF
kind-zip = archive ZIP
kind-html = page web
kind-text = texte
kind-writing = document texte
kind-table = feuille de calcul
kind-slides = présentation
kind-drawing = dessin
pay-title = À payer
pay-vat = dont TVA
pay-due = À payer au plus tard le
pay-overdue = Date dépassée
pay-iban = Sur le compte (IBAN)
pay-bic = BIC
pay-reference = Communication
pay-text = Payez avec votre propre application bancaire ou auprès de votre banque. Aucun paiement ne se fait sur ce site. Si vous avez déjà payé, vous n’avez plus rien à faire.

## Preuves
evidence-title = Preuves de l’envoi recommandé
evidence-text = Chaque étape de cet envoi recommandé a été enregistrée et signée électroniquement. Les noms en anglais sont ceux de la norme européenne.
evidence-none = Rien n’a encore été enregistré. Réessayez dans quelques minutes.
evidence-accepted = Le message de l’expéditeur a été accepté
evidence-rejected = Le message de l’expéditeur a été refusé
evidence-notified = Le destinataire a été averti
evidence-consigned = Le message a été déposé dans la boîte aux lettres
evidence-failed = Le message n’a pas pu être déposé dans la boîte aux lettres, ou il a expiré sans être lu
evidence-handed-over = Le destinataire a lu le message
evidence-download = Télécharger les preuves
evidence-check = Le fichier contient toutes les étapes signées. Chacun peut les vérifier sans ce site.

## Répondre
reply-title = Répondre
reply-to = Votre réponse est envoyée à
reply-text = Votre message
reply-files = Ajouter des fichiers (facultatif)
reply-limits = Au maximum { $files } fichiers de { $size } chacun : PDF, texte, feuilles de calcul, présentations ou ZIP.
reply-files-again = Choisissez de nouveau vos fichiers : le navigateur ne les conserve pas.
reply-final = Une réponse envoyée ne peut plus être modifiée ni reprise.
reply-send = Envoyer la réponse
reply-done = Votre réponse a été envoyée.
reply-text-needed = Écrivez votre message.
reply-text-long = Votre message est trop long. Raccourcissez-le ou ajoutez-le sous forme de fichier.
reply-files-many = Vous avez ajouté trop de fichiers. Envoyez-en moins, ou une archive ZIP.
reply-files-name = Un de vos fichiers a un nom qui n’est pas autorisé. Renommez-le et choisissez-le de nouveau.
reply-files-kind = Un de vos fichiers est d’un type qui n’est pas accepté, ou n’est pas ce que son nom indique. Choisissez-en un autre.
reply-files-empty = Un de vos fichiers est vide. Choisissez-en un autre.
reply-files-large = Un de vos fichiers est trop grand. Choisissez-en un plus petit.

## Préférences
preferences-title = Préférences
preferences-saved = Vos préférences ont été enregistrées.
preferences-language = Langue
preferences-language-hint = La langue de ce site et des avis que vous recevez.
preferences-email = Adresse e-mail
preferences-email-hint = Uniquement pour les avis. Ils ne contiennent jamais le contenu d’un message. Par exemple : nom@example.be
preferences-email-fails = Les e-mails envoyés à cette adresse sont revenus. Indiquez une autre adresse ou vérifiez celle-ci.
preferences-email-wrong = Indiquez une adresse e-mail dans la bonne forme, par exemple nom@example.be.
preferences-email-needed = Indiquez l’adresse e-mail à laquelle vous voulez être averti.
preferences-notice = Comment voulez-vous savoir qu’un message est arrivé ?
preferences-notice-email = Par e-mail, une fois par jour ; immédiatement pour un recommandé
preferences-notice-message = Par un message sur votre téléphone mobile
preferences-notice-none = Pas du tout : je consulte ce site moi-même
preferences-paper = Lettres sur papier
preferences-exclusively = Je veux recevoir mes lettres uniquement par voie numérique
preferences-exclusively-hint = Les institutions qui peuvent vous envoyer une lettre par voie numérique ne l’enverront plus sur papier. Consultez donc régulièrement votre boîte aux lettres : les délais commencent même si vous n’avez pas lu un message.
preferences-save = Enregistrer les préférences

## Arrêter les avis
unsubscribe-title = Ne plus recevoir d’avis
unsubscribe-text = Vous ne voulez plus être averti quand un message arrive dans votre e-Box ?
unsubscribe-stays = Votre boîte reste telle quelle et continue à recevoir des messages. Consultez-la régulièrement : les délais courent même si vous n’avez pas lu un message.
unsubscribe-button = Ne plus recevoir d’avis
unsubscribed-title = Vous ne recevez plus d’avis
unsubscribed-text = Vous n’êtes plus averti quand un message arrive. Consultez vous-même votre boîte, régulièrement.
unsubscribed-again = S’identifier pour recevoir à nouveau des avis

## Consentements
consents-title = Consentements
consents-lead = Vous décidez quels autres sites et applications peuvent montrer les messages de cette boîte aux lettres.
consents-text = Un portail auquel vous donnez votre consentement peut lire vos messages en votre nom. Vous pouvez retirer un consentement à tout moment ; il prend alors fin immédiatement.
consents-none = Il n’y a aucun portail auquel vous pouvez donner votre consentement.
consents-is-given = Consentement donné
consents-is-not-given = Pas de consentement
consents-given-at = Donné la dernière fois le { $moment }
consents-withdrawn-at = Retiré le { $moment }
consents-give = Donner mon consentement
consents-give-text = Si vous donnez votre consentement, { $portal } peut voir et ouvrir tous les messages de cette boîte aux lettres. Les messages qui y sont ouverts sont considérés comme lus.
consents-withdraw = Retirer mon consentement
consents-given = Vous avez donné votre consentement.
consents-withdrawn = Vous avez retiré votre consentement. Le portail ne peut plus lire vos messages.
consents-mistake = Choisissez un des portails de la liste.

## Aide
help-title = Aide
help-what-title = Qu’est-ce que l’e-Box ?
help-what = L’e-Box est votre boîte aux lettres numérique sécurisée. Les institutions publiques y déposent des lettres au lieu de les envoyer par la poste.
help-read-title = Quand un message est-il considéré comme lu ?
help-read = Dès que vous ouvrez son contenu principal : le texte, ou le fichier indiqué comme contenu principal. C’est définitif, et l’expéditeur peut le voir. Regarder la liste ne compte pas.
help-registered-title = Qu’est-ce qu’un envoi recommandé ?
help-registered = Il a la valeur d’une lettre recommandée. Chaque étape est enregistrée et signée. Vous êtes prévenu avant de l’ouvrir, et vous pouvez télécharger les preuves.
help-expiry-title = Combien de temps les messages restent-ils ?
help-expiry = Chaque message indique jusqu’à quand il est disponible. Ensuite, il est supprimé automatiquement. Téléchargez à temps ce que vous voulez conserver.
help-away-title = Puis-je supprimer un message ?
help-away = Vous pouvez ranger des messages ; ils n’apparaissent alors plus dans votre liste. Ils restent disponibles sous « Messages rangés » jusqu’à leur expiration.
help-enterprise-title = Pourquoi ne vois-je pas tous les messages de mon entreprise ?
help-enterprise = Pour certains types de messages, il faut un droit d’accès. Adressez-vous à la personne qui gère les accès dans votre entreprise.
help-safe-title = Comment savoir si un message est authentique ?
help-safe = Seules des institutions connues peuvent déposer des messages ici. Les avis ne demandent jamais votre mot de passe ni vos données bancaires, et ils ne contiennent jamais de documents.
help-contact-title = Vous avez encore une question ?
help-contact = Si elle concerne le contenu d’un message, contactez son expéditeur. Ses coordonnées se trouvent dans le message.
help-email = Pour toute question sur ce site, écrivez à

## Accessibilité
accessibility-title = Accessibilité
accessibility-lead = Chacun doit pouvoir utiliser ce site. Il est conçu pour respecter les WCAG 2.2, niveau AA.
accessibility-how-title = Ce que nous avons fait
accessibility-keyboard = Vous pouvez tout faire au clavier, et vous voyez toujours où vous êtes.
accessibility-reader = Les titres, listes, formulaires et messages sont structurés pour que les lecteurs d’écran les énoncent correctement, dans la bonne langue.
accessibility-zoom = Vous pouvez agrandir le texte à 400 % sans défilement horizontal. Les couleurs ont un contraste suffisant, et rien n’est indiqué par la seule couleur. Un affichage sombre est utilisé si votre appareil le demande.
accessibility-script = Le site fonctionne sans JavaScript, et rien n’y bouge.
accessibility-limits-title = Ce qui n’est pas toujours accessible
accessibility-limits = Les fichiers et les textes viennent des institutions qui les envoient. Ils peuvent être moins accessibles. Dans ce cas, demandez une autre version à l’expéditeur.
accessibility-tell-title = Dites-le-nous
accessibility-tell = Quelque chose est difficile à utiliser ? Dites-nous sur quelle page, et avec quoi vous la lisez. Nous vous répondons et cherchons une solution.

## Ce qui peut mal se passer
error-back = Vers vos messages
error-start = Vers la page d’accueil
error-no-page = Page introuvable
error-no-page-text = Cette page n’existe pas. Vérifiez l’adresse ou recommencez depuis le début.
error-no-link = Ce lien ne fonctionne pas
error-no-link-text = Le lien est incomplet, ou il appartient à une adresse e-mail qui n’est plus utilisée pour cette boîte. Rien n’a été modifié. Vous pouvez changer vos préférences après vous être identifié.
error-gone = Message introuvable
error-gone-text = Ce message ne se trouve pas dans la boîte aux lettres ouverte. Il a peut-être expiré, ou il se trouve dans une autre de vos boîtes aux lettres.
error-away = L’expéditeur est injoignable
error-away-text = L’institution qui conserve ce document ne répond pas pour le moment. Le document n’est pas perdu. Réessayez plus tard.
error-wrong = Le document ne peut pas être affiché
error-wrong-text = L’institution qui conserve ce document a envoyé autre chose. Réessayez plus tard ou contactez l’expéditeur.
error-scanning = Le fichier est en cours de contrôle
error-scanning-text = La recherche de virus dans ce fichier est en cours. Réessayez dans quelques minutes.
error-quarantined = Le fichier est bloqué
error-quarantined-text = Un antivirus a trouvé quelque chose dans ce fichier. Pour votre sécurité, il ne peut pas être ouvert. Contactez l’expéditeur.
error-no-reply = Réponse impossible
error-no-reply-text = L’expéditeur n’accepte pas de réponse à ce message.
error-forged = Ce formulaire n’est plus valable
error-forged-text = Vous avez entre-temps changé de boîte aux lettres ou vous vous êtes reconnecté. Rien n’a été modifié. Revenez en arrière, rechargez la page et réessayez.
error-unreadable = Cela n’a pas fonctionné
error-unreadable-text = Ce que votre navigateur a envoyé n’a pas pu être lu. Rien n’a été modifié. Revenez en arrière et réessayez.
error-busy = Beaucoup de monde en ce moment
error-busy-text = De nombreuses personnes utilisent le site en ce moment. Réessayez dans une minute.
error-read-only = Aucune modification possible pour le moment
error-read-only-text = Vous pouvez lire vos messages, mais rien ne peut être modifié pour le moment. Réessayez plus tard.
error-down = Quelque chose s’est mal passé
error-down-text = Votre boîte aux lettres ne peut pas être affichée pour le moment. Nous en sommes informés. Réessayez plus tard.
error-sign-in-away = La connexion est impossible pour le moment
error-sign-in-away-text = Le service de connexion ne répond pas. Réessayez dans quelques minutes.
error-sign-in-wrong = La connexion a échoué
error-sign-in-wrong-text = Le service de connexion a envoyé une réponse qui n’a pas pu être vérifiée. Pour votre sécurité, vous n’avez pas été connecté. Réessayez plus tard.
error-sign-in-weak = Une connexion plus sûre est nécessaire
error-sign-in-weak-text = Le moyen utilisé pour vous connecter n’est pas assez sûr pour cette boîte aux lettres. Connectez-vous de nouveau, par exemple avec votre eID ou itsme®.
error-sign-in-number = Pas de numéro valable
error-sign-in-number-text = Le service de connexion ne nous a pas donné de numéro de registre national ou de numéro BIS valable. Sans ce numéro, nous ne pouvons pas trouver votre boîte aux lettres.
error-stale = La connexion a duré trop longtemps
error-stale-text = La connexion a expiré, a déjà été utilisée ou a été commencée dans une autre fenêtre. Recommencez.
error-denied = Vous n’êtes pas connecté
error-denied-text = La connexion a été annulée ou refusée. Recommencez si vous voulez lire vos messages.
