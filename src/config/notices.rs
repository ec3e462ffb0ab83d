//! The part of the configuration that says how holders of mailboxes are told that something came.
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::strategy::Strategy;
use lettre::Address;

use super::check::Checker;
use super::checked::Institution;
use super::raw;
use crate::notices::smtp::{self, Security};
use crate::notices::{Messages, Settings, mail};

/// Characters before the `@` of the address for bounces at most: the token behind it makes 64 of them, which is the most that there may be.
const BOUNCES_LENGTH: usize = 15;

impl Checker<'_> {
    /// None where neither mail nor messages are set up.
    pub(super) fn notices(
        &mut self,
        raw: &raw::Mailbox,
        data_folder: &str,
        (institutions, strategies): (&[Institution], &[Strategy]),
    ) -> Option<Settings> {
        let given = &raw.notices;
        let hour = self.within("mailbox.notices.digest_hour", given.digest_hour, 0, 23);
        let a_second = self.within("mailbox.notices.mails_a_second", given.mails_a_second, 1, 10_000);
        let connections = self.count("mailbox.notices.connections", given.connections, 1, 100);
        let mail = if given.smtp.is_empty() { None } else { self.mail(raw, (a_second as u32, connections)) };
        let messages =
            if given.institution.is_empty() { None } else { self.messages_of(given, institutions, strategies) };
        if messages.is_some() && raw.public_url.is_empty() {
            self.wrong("mailbox.public_url", "missing; notices say where to read, such as https://mailbox.example.be");
        }
        let mut settings = Settings::new(data_folder, &raw.public_url);
        settings.digest_hour = hour as u8;
        (settings.mail, settings.messages) = (mail, messages);
        (raw.enabled && (settings.mail.is_some() || settings.messages.is_some())).then_some(settings)
    }

    fn mail(&mut self, raw: &raw::Mailbox, (a_second, connections): (u32, usize)) -> Option<mail::Settings> {
        let given = &raw.notices;
        if raw.sign_in.issuer.is_empty() {
            let what = "missing; mails have links to the pages, so people must be able to sign in there";
            self.wrong("mailbox.sign_in.issuer", what);
        }
        let server = parsed(&given.smtp);
        if server.is_none() {
            let what = "not a server; give its name and port, such as mail.example.be:587 or [::1]:25";
            self.wrong("mailbox.notices.smtp", what);
        }
        let securities = [("starttls", Security::StartTls), ("tls", Security::Tls), ("none", Security::None)];
        let security = self.one_of("mailbox.notices.security", &given.security, &securities);
        if security == Security::None && server.as_ref().is_some_and(|(host, _)| !is_own(host)) {
            let what = "none is for a mail server on this machine only; give starttls or tls";
            self.wrong("mailbox.notices.security", what);
        }
        if given.user.is_empty() != given.password.is_empty() {
            self.wrong("mailbox.notices.password", "user and password go together; give both, or neither");
        }
        let authorities = if given.ca_file.is_empty() {
            None
        } else {
            let read = std::fs::read_to_string(&given.ca_file);
            read.map_err(|error| self.wrong("mailbox.notices.ca_file", format!("can't be read ({error})"))).ok()
        };
        let from = self.person("mailbox.notices.from", &given.from);
        let reply_to =
            if given.reply_to.is_empty() { None } else { self.person("mailbox.notices.reply_to", &given.reply_to) };
        let bounces = if given.bounces.is_empty() { None } else { self.bounces(&given.bounces) };
        let (host, port) = server?;
        let credentials = (given.user.as_str().into(), given.password.as_str().into());
        let credentials = Some(credentials).filter(|_| !given.user.is_empty());
        let timeout = Duration::from_secs(60);
        let authorities = authorities.map(Into::into);
        let smtp = smtp::Settings { host: host.into(), port, security, authorities, credentials, timeout };
        Some(mail::Settings { smtp, from: from?, reply_to, bounces, a_second, connections })
    }

    /// A sender, with a name for people or without.
    fn person(&mut self, key: &str, text: &str) -> Option<lettre::message::Mailbox> {
        let read = text.parse();
        let what = "not an address; give it such as e-Box <ebox@mail.example.be>";
        read.map_err(|_: lettre::address::AddressError| self.wrong(key, what)).ok()
    }

    fn bounces(&mut self, text: &str) -> Option<Address> {
        let address: Option<Address> = text.parse().ok();
        let fits =
            |one: &Address| one.user().len() <= BOUNCES_LENGTH && one.user().is_ascii() && !one.user().contains('+');
        if !address.as_ref().is_some_and(fits) {
            let what = format!(
                "not an address for bounces; give one with at most {BOUNCES_LENGTH} characters before the @ and no +, such as bounces@mail.example.be"
            );
            self.wrong("mailbox.notices.bounces", what);
            return None;
        }
        address
    }

    fn messages_of(
        &mut self,
        given: &raw::Notices,
        institutions: &[Institution],
        strategies: &[Strategy],
    ) -> Option<Messages> {
        let cbe = Cbe::parse(&given.institution).ok();
        let sender = institutions.iter().find(|one| Some(one.id.0) == cbe);
        if sender.is_none() {
            let what = "none of the institutions of this file; give the CBE number of one, or leave it empty";
            self.wrong("mailbox.notices.institution", what);
        }
        let strategy = strategies.iter().find(|one| *one.name == *given.strategy);
        match strategy {
            None => {
                self.wrong("mailbox.notices.strategy", "no such strategy; give one that is built in or in this file");
            }
            Some(strategy) if strategy.channels().any(|channel| channel == Channel::EBOX) => {
                let what =
                    "it uses the e-Box, which is what a notice is about; give one such as govapp-first or sms-only";
                self.wrong("mailbox.notices.strategy", what);
            }
            Some(strategy) => {
                if sender.is_some_and(|sender| !sender.may_use(&strategy.name)) {
                    self.wrong(
                        "mailbox.notices.strategy",
                        "the institution may not use it; list it there, or give another",
                    );
                }
            }
        }
        let (sender, strategy) = (sender?, strategy?);
        Some(Messages {
            institution: sender.id,
            default_language: sender.default_language,
            strategy: Arc::new(strategy.clone()),
        })
    }
}

/// Name and port.
fn parsed(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_name = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    let fits = is_name(host) || host.parse::<IpAddr>().is_ok();
    Some((host, port.parse().ok().filter(|port| *port > 0)?)).filter(|_| fits)
}

fn is_own(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mistake;

    fn checked(change: impl FnOnce(&mut raw::Mailbox)) -> (Option<Settings>, Vec<Mistake>) {
        let mut raw = raw::Mailbox { enabled: true, public_url: "https://a.example".into(), ..raw::Mailbox::default() };
        raw.sign_in.issuer = "https://idp.example".into();
        raw.notices.smtp = "mail.example.be:587".into();
        raw.notices.from = "e-Box <ebox@mail.example.be>".into();
        change(&mut raw);
        let mut mistakes = Vec::new();
        let mut checker = Checker::new(&mut mistakes);
        let institution =
            raw::Institution { cbe: "0403019261".into(), name: "Pensions".into(), ..raw::Institution::default() };
        let strategies = estafette_actors::domain::strategy::built_in();
        let institutions = checker.institutions(&[institution], &strategies);
        let settings = checker.notices(&raw, "data", (&institutions, &strategies));
        (settings, mistakes)
    }

    #[test]
    fn notices_are_set_up_by_mail_and_by_message_each_by_itself() {
        let (settings, mistakes) = checked(|_| ());
        let settings = settings.unwrap();
        let mail = settings.mail.unwrap();
        assert!(mistakes.is_empty() && settings.messages.is_none(), "{mistakes:?}");
        assert_eq!(
            (&*mail.smtp.host, mail.smtp.port, mail.smtp.security),
            ("mail.example.be", 587, Security::StartTls)
        );
        let (settings, mistakes) = checked(|raw| {
            raw.notices.smtp.clear();
            raw.notices.institution = "0403019261".into();
        });
        let settings = settings.unwrap();
        assert!(mistakes.is_empty() && settings.mail.is_none(), "{mistakes:?}");
        assert_eq!(&*settings.messages.unwrap().strategy.name, "govapp-first");
        assert!(checked(|raw| raw.notices.smtp.clear()).0.is_none());
        assert!(checked(|raw| raw.enabled = false).0.is_none());
        let (settings, mistakes) = checked(|raw| {
            raw.notices.smtp = "[::1]:25".into();
            raw.notices.security = "none".into();
            raw.notices.bounces = "bounces@mail.example.be".into();
        });
        assert!(mistakes.is_empty() && settings.is_some(), "{mistakes:?}");
    }

    #[test]
    fn each_mistake_is_told_under_its_key() {
        type Change = fn(&mut raw::Mailbox);
        let table: [(&str, Change); 14] = [
            ("smtp", |raw| raw.notices.smtp = "mail.example.be".into()),
            ("smtp", |raw| raw.notices.smtp = "mail example:25".into()),
            ("smtp", |raw| raw.notices.smtp = "mail.example.be:0".into()),
            ("security", |raw| raw.notices.security = "ssl".into()),
            ("security", |raw| raw.notices.security = "none".into()),
            ("password", |raw| raw.notices.user = "ebox".into()),
            ("ca_file", |raw| raw.notices.ca_file = "/nowhere/ca.pem".into()),
            ("from", |raw| raw.notices.from.clear()),
            ("reply_to", |raw| raw.notices.reply_to = "a@@b".into()),
            ("bounces", |raw| raw.notices.bounces = "a-rather-long-name@mail.example.be".into()),
            ("digest_hour", |raw| raw.notices.digest_hour = 24),
            ("institution", |raw| raw.notices.institution = "0206731645".into()),
            ("strategy", |raw| {
                raw.notices.institution = "0403019261".into();
                raw.notices.strategy = "ebox-first".into();
            }),
            ("strategy", |raw| {
                raw.notices.institution = "0403019261".into();
                raw.notices.strategy = "pigeon".into();
            }),
        ];
        for (key, change) in table {
            let mistakes = checked(change).1;
            assert_eq!(mistakes.len(), 1, "{mistakes:?}");
            assert_eq!(mistakes[0].key, format!("mailbox.notices.{key}"));
        }
        let mistakes = checked(|raw| raw.sign_in.issuer.clear()).1;
        assert_eq!(mistakes.iter().map(|one| one.key.as_str()).collect::<Vec<_>>(), ["mailbox.sign_in.issuer"]);
    }
}
