//! The e-Box: mailboxes, where the contents of documents lie, who reads them and how people sign in.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `[mailbox]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mailbox {
    pub enabled: bool,
    pub public_url: String,
    pub provider: String,
    pub help_email: String,
    pub cache_mib: u64,
    pub unwritten_mib: u64,
    pub waiting_changes: u64,
    pub attachment_mib: u64,
    pub publications: u64,
    pub scanner: String,
    pub evidence_key_file: String,
    pub evidence_earlier_keys: String,
    pub documents: Documents,
    pub tokens: Tokens,
    pub sign_in: SignIn,
    pub notices: Notices,
    pub client: Vec<Client>,
    pub provider_elsewhere: Vec<ProviderElsewhere>,
    pub allowed_networks: Vec<String>,
}

/// `[mailbox.documents]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Documents {
    pub place: String,
    pub folder: String,
    pub endpoint: String,
    pub bucket: String,
    pub prefix: String,
    pub region: String,
    pub key_id: String,
    pub secret: String,
    pub allow_http: bool,
}

/// `[mailbox.tokens]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tokens {
    pub issuer: String,
    pub audience: String,
    pub keys_file: String,
    pub keys_url: String,
}

/// `[mailbox.sign_in]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignIn {
    pub issuer: String,
    pub client_id: String,
    pub client_secret: String,
    pub scopes: Vec<String>,
    pub niss_claim: String,
    pub name_claim: String,
    pub enterprises_claim: String,
    pub levels: Vec<String>,
}

/// `[mailbox.notices]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notices {
    pub smtp: String,
    pub security: String,
    pub ca_file: String,
    pub user: String,
    pub password: String,
    pub from: String,
    pub reply_to: String,
    pub bounces: String,
    pub mails_a_second: u64,
    pub connections: u64,
    pub institution: String,
    pub strategy: String,
    pub digest_hour: u64,
}

/// `[[mailbox.client]]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Client {
    pub id: String,
    pub institution: String,
    pub portal: bool,
    pub events: bool,
    pub names: BTreeMap<String, String>,
    pub url: String,
}

/// `[[mailbox.provider_elsewhere]]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderElsewhere {
    pub id: String,
    pub institution: String,
    pub names: BTreeMap<String, String>,
    pub descriptions: BTreeMap<String, String>,
    pub url: String,
    pub path: String,
    pub activated_on: String,
    pub technical_contact: String,
    pub version: String,
    pub token_url: String,
    pub client_id: String,
    pub client_secret: String,
}

impl Default for Mailbox {
    fn default() -> Self {
        Self {
            enabled: false,
            public_url: String::new(),
            provider: "estafette".into(),
            help_email: String::new(),
            cache_mib: 64,
            unwritten_mib: 64,
            waiting_changes: 4_096,
            attachment_mib: 100,
            publications: 64,
            scanner: String::new(),
            evidence_key_file: String::new(),
            evidence_earlier_keys: String::new(),
            documents: Documents::default(),
            tokens: Tokens::default(),
            sign_in: SignIn::default(),
            notices: Notices::default(),
            client: Vec::new(),
            provider_elsewhere: Vec::new(),
            allowed_networks: Vec::new(),
        }
    }
}

impl Default for Documents {
    fn default() -> Self {
        let none = String::new;
        Self {
            place: "folder".into(),
            folder: none(),
            endpoint: none(),
            bucket: none(),
            prefix: none(),
            region: none(),
            key_id: none(),
            secret: none(),
            allow_http: false,
        }
    }
}

impl Default for SignIn {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            client_id: "estafette".into(),
            client_secret: String::new(),
            scopes: vec!["profile".into()],
            niss_claim: "niss".into(),
            name_claim: "name".into(),
            enterprises_claim: "enterprises".into(),
            levels: Vec::new(),
        }
    }
}

impl Default for Notices {
    fn default() -> Self {
        let none = String::new;
        Self {
            smtp: none(),
            security: "starttls".into(),
            ca_file: none(),
            user: none(),
            password: none(),
            from: none(),
            reply_to: none(),
            bounces: none(),
            mails_a_second: 20,
            connections: 4,
            institution: none(),
            strategy: "govapp-first".into(),
            digest_hour: 8,
        }
    }
}

impl Default for ProviderElsewhere {
    fn default() -> Self {
        let none = String::new;
        Self {
            id: none(),
            institution: none(),
            names: BTreeMap::new(),
            descriptions: BTreeMap::new(),
            url: none(),
            path: "/messageRegistry/v2/ebox/messages/{id}/attachments/{n}/content".into(),
            activated_on: none(),
            technical_contact: none(),
            version: "2.1".into(),
            token_url: none(),
            client_id: none(),
            client_secret: none(),
        }
    }
}
