//! Signing in as a person does: the way to the provider and back, and the cookie of the session.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response, Url};

use crate::load::broker::Own;

/// A browser without a window.
pub struct Browser {
    client: Client,
    cookies: BTreeMap<String, String>,
    origin: String,
}

impl Browser {
    /// Signs in as the sample person at a place.
    pub async fn signed_in(own: &Own, person: usize) -> anyhow::Result<Self> {
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        let mut browser = Self { client, cookies: BTreeMap::new(), origin: format!("http://{}", own.api) };
        let asked = browser.get("/mailbox/sign-in/start").await?;
        let provider = Url::parse(&location(&asked)?)?;
        let mut form: Vec<(String, String)> = provider.query_pairs().into_owned().collect();
        form.push(("person".into(), person.to_string()));
        let mut picked = provider;
        picked.set_query(None);
        let picked = browser.client.post(picked).form(&form).send().await?;
        let back = Url::parse(&location(&picked)?)?;
        let back = format!("{}?{}", back.path(), back.query().unwrap_or_default());
        let back = browser.get(&back).await?;
        ensure!(location(&back)? == "/mailbox/messages", "the sign-in led to {}", location(&back)?);
        Ok(browser)
    }

    /// Asks for a path, with what cookies there are.
    pub fn asked(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.origin)).header(COOKIE, self.cookies())
    }

    /// Gets it, and keeps what cookies are set.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<Response> {
        let answer = self.asked(path).send().await?;
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap_or_default().split(';').next().and_then(|pair| pair.split_once('='));
            if let Some((name, value)) = pair.filter(|(_, value)| !value.is_empty()) {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }

    /// A page, as text.
    pub async fn page(&mut self, path: &str) -> anyhow::Result<String> {
        let answer = self.get(path).await?;
        ensure!(answer.status() == 200, "{path} was answered with {}", answer.status());
        Ok(answer.text().await?)
    }

    /// As a header has them.
    pub fn cookies(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }
}

fn location(answer: &Response) -> anyhow::Result<String> {
    let found = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let told = || format!("{} was answered with {}, and leads nowhere", answer.url().path(), answer.status());
    Ok(found.with_context(told)?.to_owned())
}
