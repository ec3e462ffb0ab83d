//! `estafette register`: the register of an institution, over the API of a running broker.
//!
//! A NISS may be given as `-`, or left out: then it is read from standard input, and is not in the history of the shell nor in the list
//! of processes.
use std::io::BufRead;
use std::process::ExitCode;

use anyhow::{Context, bail};
use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value, json};

use super::Output;
use super::client::Client;

mod arguments;
mod files;
mod shown;

pub use arguments::Arguments;
use arguments::{Audit, Claim, Consult, Export, Import, Inscribe, Mutations, Persons, Remove, Types, What};
use files::Upload;

/// A client that says in which legal context it asks.
struct Register {
    client: Client,
    legal_context: Option<String>,
    output: Output,
}

/// An object of what was given.
fn given<const N: usize>(pairs: [(&str, Option<String>); N]) -> Value {
    let there = pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?))));
    Value::Object(there.collect::<Map<_, _>>())
}

/// The number, or what standard input says for `-`.
fn number(given: String) -> anyhow::Result<String> {
    if given != "-" {
        return Ok(given);
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("standard input can't be read")?;
    if line.trim().is_empty() {
        bail!("no NISS came on standard input: give one line");
    }
    Ok(line.trim().to_owned())
}

impl Register {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, &format!("/v1/register/{path}"));
        match &self.legal_context {
            Some(context) => request.header("Legal-Context", context),
            None => request,
        }
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.client.json(self.request(Method::GET, path)).await
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.client.json(self.request(Method::POST, path).json(body)).await
    }

    fn print(&self, answer: &Value, people: impl FnOnce(&Value)) -> anyhow::Result<ExitCode> {
        match self.output {
            Output::Json => super::print_json(answer)?,
            Output::Text => people(answer),
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn run(&self, what: What) -> anyhow::Result<ExitCode> {
        match what {
            What::Types(Types::List) => self.print(&self.get("types").await?, shown::types),
            What::Types(Types::Define { code, file }) => {
                let body: Value = files::json(&file)?;
                let request = self.request(Method::PUT, &format!("types/{code}")).json(&body);
                self.print(&self.client.json(request).await?, shown::one_type)
            }
            What::Inscribe(what) => self.inscribe(what).await,
            What::Remove(what) => self.remove(what).await,
            What::Consult(what) => self.consult(what).await,
            What::Import(Import { file, keep_good_rows, trust_persons }) => {
                let persons = if trust_persons { "&persons=trust" } else { "" };
                let path = format!("rows/import?on_error={}{persons}", files::on_error(keep_good_rows));
                let upload = Upload { request: self.request(Method::POST, &path), file };
                self.report(upload).await
            }
            What::Export(what) => self.export(what).await,
            What::Search(what) => {
                let mut body = given([
                    ("surname", Some(what.surname)),
                    ("given_names", what.given_names),
                    ("birth_date", what.birth_date),
                    ("sex", what.sex),
                ]);
                for (name, value) in [("years", what.years), ("limit", what.limit)] {
                    if let Some(value) = value {
                        body[name] = json!(value);
                    }
                }
                self.print(&self.post("persons/search", &body).await?, shown::hits)
            }
            What::Lookup { niss } => {
                let body = json!({ "niss": number(niss)? });
                self.print(&self.post("persons/lookup", &body).await?, shown::lookup)
            }
            What::Persons(Persons::Import { file, keep_good_rows, first }) => {
                let first = if first { "&first=true" } else { "" };
                let path = format!("persons?on_error={}{first}", files::on_error(keep_good_rows));
                let upload = Upload { request: self.request(Method::PUT, &path), file };
                self.report(upload).await
            }
            What::Mutations(what) => self.mutations(what).await,
            What::Audit(what) => self.audit(what).await,
            What::Counts => self.print(&self.get("counts").await?, shown::counts),
        }
    }

    async fn inscribe(&self, what: Inscribe) -> anyhow::Result<ExitCode> {
        let mut body = given([
            ("niss", Some(number(what.niss)?)),
            ("type", Some(what.code)),
            ("begin", what.days.begin),
            ("end", what.days.end),
        ]);
        let Claim { surname, given_names, birth_date, sex } = what.person;
        let person =
            given([("surname", surname), ("given_names", given_names), ("birth_date", birth_date), ("sex", sex)]);
        if person.as_object().is_some_and(|members| !members.is_empty()) {
            body["person"] = person;
        }
        self.print(&self.post("rows", &body).await?, shown::inscribed)
    }

    async fn remove(&self, what: Remove) -> anyhow::Result<ExitCode> {
        let is_bounded = what.days.begin.is_some() || what.days.end.is_some();
        if is_bounded == what.all {
            bail!("give the days with --begin and --end, or --all for all rows of the type");
        }
        let body = given([
            ("niss", Some(number(what.niss)?)),
            ("type", Some(what.code)),
            ("begin", what.days.begin),
            ("end", what.days.end),
        ]);
        self.print(&self.post("removals", &body).await?, shown::removed)
    }

    async fn consult(&self, what: Consult) -> anyhow::Result<ExitCode> {
        let mut body = given([
            ("niss", what.niss.map(number).transpose()?),
            ("type", what.code),
            ("begin", what.days.begin),
            ("end", what.days.end),
            ("on", what.on),
            ("owner", what.owner),
        ]);
        body["limit"] = json!(1_000);
        let (mut rows, mut remarks) = (Vec::new(), Value::Null);
        loop {
            let mut page = self.post("consultations", &body).await?;
            rows.extend(page["rows"].as_array_mut().map(std::mem::take).unwrap_or_default());
            remarks = if remarks.is_null() { page["remarks"].take() } else { remarks };
            if self.output == Output::Text {
                rows.drain(..).for_each(|row| shown::row(&row));
            }
            match page["next"].take() {
                Value::Null => break,
                next => body["after"] = next,
            }
        }
        self.print(&json!({ "rows": rows, "remarks": remarks }), shown::remarks)
    }

    async fn report(&self, upload: Upload) -> anyhow::Result<ExitCode> {
        let report = upload.send(&self.client).await?;
        self.print(&report, shown::report)?;
        let is_clean = report["refused"].as_u64() == Some(0);
        Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn export(&self, what: Export) -> anyhow::Result<ExitCode> {
        let query = [("type", what.code), ("begin", what.days.begin), ("end", what.days.end), ("on", what.on)];
        let query: Vec<_> = query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let request = self.request(Method::GET, "rows/export").query(&query);
        files::download(&self.client, request.header("Accept", files::accept(&what.file)), &what.file).await?;
        Ok(ExitCode::SUCCESS)
    }

    async fn mutations(&self, what: Mutations) -> anyhow::Result<ExitCode> {
        match what {
            Mutations::List { after } => {
                let (mut all, mut after) = (Vec::new(), after);
                loop {
                    let mut page = self.get(&format!("mutations?limit=1000&after={after}")).await?;
                    all.extend(page["vouchers"].as_array_mut().map(std::mem::take).unwrap_or_default());
                    match page["next"].as_u64() {
                        Some(next) => after = next,
                        None => return self.print(&json!({ "vouchers": all }), shown::vouchers),
                    }
                }
            }
            Mutations::Fetch { sequence, to } => {
                let voucher = self.get(&format!("mutations/{sequence}/voucher")).await?;
                let request = self.request(Method::GET, &format!("mutations/{sequence}"));
                let file = self.client.bytes(request.header("Accept", "application/xml")).await?;
                files::check(&file, &voucher)?;
                files::write(to.as_deref(), &file)?;
                Ok(ExitCode::SUCCESS)
            }
            Mutations::Confirm { sequence } => {
                let voucher =
                    self.client.json(self.request(Method::POST, &format!("mutations/{sequence}/confirm"))).await?;
                self.print(&voucher, shown::voucher)
            }
        }
    }

    async fn audit(&self, what: Audit) -> anyhow::Result<ExitCode> {
        let (mut lines, mut after) = (Vec::new(), what.after);
        let given = [("deed", what.deed), ("type", what.code)];
        let kept: Vec<_> = given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        while lines.len() < what.limit {
            let paging = [("after", after.to_string()), ("limit", (what.limit - lines.len()).min(1_000).to_string())];
            let request = self.request(Method::GET, "audit").query(&kept).query(&paging);
            let mut page = self.client.json(request).await?;
            lines.extend(page["lines"].as_array_mut().map(std::mem::take).unwrap_or_default());
            match page["next"].as_u64() {
                Some(next) => after = next,
                None => break,
            }
        }
        self.print(&json!({ "lines": lines }), shown::audit)
    }
}

/// Runs it. Exit code 1 when it was refused, or lines of a file were.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    super::block_on(async move {
        let Arguments { target, legal_context, output, what } = arguments;
        Register { client: Client::new(target)?, legal_context, output }.run(what).await
    })
}
