//! The e-Box's part of the configuration: checked, in the form in which its parts take it.
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mailbox::ClientId;
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::domain::submission::Institution;
use jiff::civil::Date;

use super::check::Checker;
use super::raw;
use crate::announce::{Network, Reach};
use crate::api::registry;
use crate::contents::{self, bucket, providers, scanner};
use crate::{notices, web};

/// The e-Box.
#[derive(Clone, Debug)]
pub struct Mailbox {
    /// The page cache.
    pub cache_bytes: usize,
    /// Bytes of changes that have not reached their tables at most.
    pub unwritten_bytes: usize,
    /// Changes that wait for the writer at most.
    pub waiting_changes: usize,
    /// Where the contents of documents lie.
    pub contents: contents::Settings,
    /// Who scans them; none for nobody.
    pub scanner: Option<scanner::Settings>,
    /// A key to sign evidence with; none for one that the program makes.
    pub evidence_key: Option<PathBuf>,
    /// The public keys that signed before.
    pub evidence_earlier: Option<PathBuf>,
    /// The faces for programs.
    pub registry: registry::Settings,
    /// The pages; none where nobody signs people in.
    pub pages: Option<web::Settings>,
    /// The institutions that keep contents themselves.
    pub providers: providers::Settings,
    /// How holders are told that something came; none where nobody is.
    pub notices: Option<notices::Settings>,
}

impl Checker<'_> {
    pub(super) fn mailbox(&mut self, raw: &raw::Mailbox, (data_folder, keep_free_mib): (&str, u64)) -> Option<Mailbox> {
        let clients: Vec<_> =
            raw.client.iter().enumerate().filter_map(|(place, one)| self.client(place, one)).collect();
        let portals = raw.client.iter().enumerate().filter(|(_, one)| one.portal);
        let portals = portals.filter_map(|(place, one)| self.portal(place, one)).collect();
        let elsewhere: Vec<_> =
            raw.provider_elsewhere.iter().enumerate().filter_map(|(n, one)| self.elsewhere(n, one)).collect();
        let (listed, kept): (Vec<_>, Vec<_>) = elsewhere.into_iter().unzip();
        let registry = registry::Settings {
            public_url: given(&raw.public_url).map(Into::into),
            provider: self.provider_name(&raw.provider),
            tokens: self.tokens(&raw.tokens),
            clients,
            providers: listed,
            attachment_bytes: self.within("mailbox.attachment_mib", raw.attachment_mib, 1, 100) << 20,
            publications: self.count("mailbox.publications", raw.publications, 1, 1_024),
            is_scanned: !raw.scanner.is_empty(),
            ..registry::Settings::default()
        };
        let reach = Reach { listed: self.networks(&raw.allowed_networks) };
        let mailbox = Mailbox {
            cache_bytes: self.count("mailbox.cache_mib", raw.cache_mib, 4, 65_536) << 20,
            unwritten_bytes: self.count("mailbox.unwritten_mib", raw.unwritten_mib, 1, 4_096) << 20,
            waiting_changes: self.count("mailbox.waiting_changes", raw.waiting_changes, 16, 65_536),
            contents: contents::Settings::new(self.place(&raw.documents, data_folder, keep_free_mib << 20)),
            scanner: given(&raw.scanner).and_then(|address| match address.parse() {
                Ok(address) => Some(scanner::Settings::new(address)),
                Err(what) => {
                    let what: String = what;
                    self.wrong("mailbox.scanner", what);
                    None
                }
            }),
            evidence_key: given(&raw.evidence_key_file).map(PathBuf::from),
            evidence_earlier: given(&raw.evidence_earlier_keys).map(PathBuf::from),
            registry,
            pages: self.pages(raw, portals),
            providers: providers::Settings { providers: kept, reach, ..providers::Settings::default() },
            notices: None,
        };
        raw.enabled.then_some(mailbox)
    }

    fn place(&mut self, raw: &raw::Documents, data_folder: &str, keep_free: u64) -> contents::Place {
        if !self.one_of("mailbox.documents.place", &raw.place, &[("folder", false), ("s3", true)]) {
            let path = given(&raw.folder).map_or_else(|| PathBuf::from(data_folder).join("documents"), PathBuf::from);
            return contents::Place::Folder { path, keep_free };
        }
        let needed =
            [("endpoint", &raw.endpoint), ("bucket", &raw.bucket), ("key_id", &raw.key_id), ("secret", &raw.secret)];
        for (name, value) in needed {
            if value.is_empty() {
                self.wrong(&format!("mailbox.documents.{name}"), "missing; documents in a bucket need it");
            }
        }
        contents::Place::Bucket(bucket::Settings {
            endpoint: raw.endpoint.clone(),
            bucket: raw.bucket.clone(),
            prefix: raw.prefix.clone(),
            region: raw.region.clone(),
            key_id: raw.key_id.clone(),
            secret: raw.secret.as_str().into(),
            allow_http: raw.allow_http,
        })
    }

    fn provider_name(&mut self, name: &str) -> Box<str> {
        if RefId::parse(name).is_err() {
            self.wrong("mailbox.provider", "give 1 to 64 letters, digits, `.`, `_`, `:` and `-`");
        }
        name.into()
    }

    fn tokens(&mut self, raw: &raw::Tokens) -> Option<registry::TokenSettings> {
        if raw.issuer.is_empty() {
            return None;
        }
        if raw.audience.is_empty() {
            self.wrong("mailbox.tokens.audience", "missing; give what the issuer writes in `aud` for this program");
        }
        let keys = match (given(&raw.keys_file), given(&raw.keys_url)) {
            (Some(path), None) => registry::KeySet::File(path.into()),
            (None, Some(url)) => registry::KeySet::Url(url.into()),
            _ => {
                self.wrong(
                    "mailbox.tokens.keys_file",
                    "give a file with the issuer's public keys, or keys_url, and not both",
                );
                return None;
            }
        };
        Some(registry::TokenSettings::new(&raw.issuer, &raw.audience, keys))
    }

    fn client(&mut self, place: usize, raw: &raw::Client) -> Option<registry::Client> {
        let key = |name: &str| format!("mailbox.client.{place}.{name}");
        let id = self.client_id(&key("id"), &raw.id)?;
        let institution = self.institution_of(&key("institution"), &raw.institution);
        Some(registry::Client { id, institution, is_portal: raw.portal, follows_events: raw.events })
    }

    fn client_id(&mut self, key: &str, text: &str) -> Option<ClientId> {
        let id = ClientId::parse(text);
        id.map_err(|error| self.wrong(key, error.to_string())).ok()
    }

    /// None for none.
    fn institution_of(&mut self, key: &str, text: &str) -> Option<Institution> {
        let cbe = Cbe::parse(given(text)?);
        cbe.map(Institution).map_err(|error| self.wrong(key, error.to_string())).ok()
    }

    fn portal(&mut self, place: usize, raw: &raw::Client) -> Option<web::Portal> {
        let key = |name: &str| format!("mailbox.client.{place}.{name}");
        let names = self.names(&key("names"), &raw.names);
        let id = ClientId::parse(&raw.id).ok()?;
        Some(web::Portal { id, names, url: given(&raw.url).map(Into::into) })
    }

    /// A text in each of the four languages.
    fn names(&mut self, key: &str, raw: &BTreeMap<String, String>) -> Translated<Box<str>> {
        let mut names = Translated::new();
        for language in Language::ALL {
            match raw.get(language.as_str()).filter(|name| !name.trim().is_empty()) {
                Some(name) => drop(names.set(language, name.as_str().into())),
                None => self.wrong(key, format!("no text in {language}; give fr, nl, de and en")),
            }
        }
        for unknown in raw.keys().filter(|name| Language::parse(name).is_err()) {
            self.wrong(key, format!("{unknown} is none of fr, nl, de and en; leave it out"));
        }
        names
    }

    fn elsewhere(
        &mut self,
        place: usize,
        raw: &raw::ProviderElsewhere,
    ) -> Option<(registry::Provider, providers::Provider)> {
        let key = |name: &str| format!("mailbox.provider_elsewhere.{place}.{name}");
        let id = RefId::parse(&raw.id).map_err(|error| self.wrong(&key("id"), error.to_string())).ok()?;
        let activated_on: Date = raw.activated_on.parse().unwrap_or_else(|_| {
            self.wrong(&key("activated_on"), "not a day; give YYYY-MM-DD");
            Date::MAX
        });
        if !["http://", "https://"].iter().any(|scheme| raw.url.starts_with(scheme)) {
            self.wrong(&key("url"), "not an address; give https:// with a host");
        }
        if raw.technical_contact.is_empty() {
            self.wrong(&key("technical_contact"), "missing; give an address that helps, and no person's");
        }
        let names = self.names(&key("names"), &raw.names);
        let descriptions = self.names(&key("descriptions"), &raw.descriptions);
        let token = given(&raw.token_url).map(|url| providers::TokenSettings {
            url: url.to_owned(),
            client_id: raw.client_id.clone(),
            client_secret: raw.client_secret.as_str().into(),
        });
        let listed = registry::Provider {
            id: id.clone(),
            names,
            descriptions,
            url: raw.url.as_str().into(),
            activated_on,
            deactivated_on: None,
            technical_contact: raw.technical_contact.as_str().into(),
            maintenance: Vec::new(),
            version: raw.version.as_str().into(),
            institution: self.institution_of(&key("institution"), &raw.institution),
        };
        let kept = providers::Provider { id, base_url: raw.url.clone(), path: raw.path.clone(), token };
        Some((listed, kept))
    }

    fn networks(&mut self, raw: &[String]) -> Arc<[Network]> {
        let mut read = |text: &String| {
            let network = text.parse().ok();
            if network.is_none() {
                self.wrong("mailbox.allowed_networks", "not a network; give it such as 10.1.0.0/16 or fd00::/8");
            }
            network
        };
        raw.iter().filter_map(&mut read).collect()
    }

    fn pages(&mut self, raw: &raw::Mailbox, portals: Vec<web::Portal>) -> Option<web::Settings> {
        let issuer = given(&raw.sign_in.issuer)?.to_owned();
        let is_local = raw.public_url.starts_with("http://127.0.0.1") || raw.public_url.starts_with("http://localhost");
        if !raw.public_url.starts_with("https://") && !is_local {
            let what =
                "missing or not https; people sign in on pages at an https address, such as https://mailbox.example.be";
            self.wrong("mailbox.public_url", what);
        }
        let sign_in = web::SignIn {
            issuer,
            client_id: raw.sign_in.client_id.clone(),
            client_secret: given(&raw.sign_in.client_secret).map(str::to_owned),
            scopes: raw.sign_in.scopes.clone(),
            niss_claim: raw.sign_in.niss_claim.clone(),
            name_claim: raw.sign_in.name_claim.clone(),
            enterprises_claim: raw.sign_in.enterprises_claim.clone(),
            levels: raw.sign_in.levels.clone(),
            ..web::SignIn::default()
        };
        Some(web::Settings {
            public_url: raw.public_url.clone(),
            sign_in,
            portals,
            help_email: given(&raw.help_email).map(Into::into),
            ..web::Settings::default()
        })
    }
}

/// A text that may be left empty.
fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
