//! The load harness as a program, over real sockets: against a small endpoint, and against simulators in and out of its process.

#![allow(clippy::unwrap_used)] // a failed step fails the test

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use estafette_loadtest::ledger::Channel;
use estafette_loadtest::{Settings, Simulators};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// Runs the program in a folder that has these files.
async fn harness(folder: &Path, files: &[(&str, &str)], arguments: &[&str]) -> Output {
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_estafette-loadtest"));
    command.args(arguments).current_dir(folder);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn report(folder: &Path, name: &str, scenario: &str) -> Value {
    let (toml, json, html) = (format!("{name}.toml"), format!("{name}.json"), format!("{name}.html"));
    let ran = harness(folder, &[(&toml, scenario)], &["run", &toml, "--json", &json, "--report", &html]).await;
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let page = std::fs::read_to_string(folder.join(html)).unwrap();
    assert!(page.contains("</html>") && page.contains("Hand-over, ms"));
    serde_json::from_slice(&std::fs::read(folder.join(json)).unwrap()).unwrap()
}

/// An endpoint that answers in chunks, the first request after `stall`; with 503 and a second later where the path says so. Tells how
/// many it got.
async fn endpoint(stall: Duration) -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, got) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&got);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                loop {
                    let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
                    if stream.read_line(&mut first).await.unwrap_or(0) == 0 {
                        return;
                    }
                    while stream.read_line(&mut line).await.unwrap_or(0) > 2 {
                        let value = line.strip_prefix("Content-Length: ").map(str::trim);
                        length = value.map_or(length, |value| value.parse().unwrap());
                        line.clear();
                    }
                    let mut body = vec![0; length];
                    stream.read_exact(&mut body).await.unwrap();
                    if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                        tokio::time::sleep(stall).await;
                    }
                    let is_refused = first.contains("/refused/");
                    if is_refused {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                    let status = if is_refused { "503 Busy" } else { "200 OK" };
                    let answer = format!("HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, got)
}

#[tokio::test]
async fn a_stall_of_any_endpoint_is_charged_to_all_who_came_meanwhile_and_nobody_is_dropped_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let (port, got) = endpoint(Duration::from_millis(400)).await;
    let scenario = format!(
        r#"
name = "stall"
length_seconds = 1.0
[[sender]]
name = "patient"
arrivals = {{ process = "constant", per_second = 200.0 }}
in_flight = 1
request = {{ to = "http://127.0.0.1:{port}", method = "POST", path = "/a/{{{{seq}}}}", body = '{{"id": "{{{{uuid}}}}"}}' }}
[[sender]]
name = "refused"
start_seconds = 0.6
arrivals = {{ process = "burst", size = 10, every_seconds = 9.0 }}
in_flight = 2
waiting = 3
request = {{ to = "http://127.0.0.1:{port}", path = "/refused/{{{{seq}}}}" }}
"#
    );
    let told = report(folder.path(), "stall", &scenario).await;
    let [patient, refused] = told["senders"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!((&patient["planned"], &patient["right"], &patient["not_begun"]), (&200.into(), &200.into(), &0.into()));
    // Eighty came while it stalled for 400 ms: half of them waited for 200 ms or more, which is a fifth of all.
    assert!(patient["latency"]["p90_ms"].as_f64().unwrap() >= 190.0, "{patient}");
    assert!(patient["waited_for_place"].as_u64().unwrap() > 0, "{patient}");
    assert!(patient["latency"]["mean_ms"].as_f64() > patient["service"]["mean_ms"].as_f64(), "{patient}");
    // Ten at once, of which five find a place or may wait for one; nobody is answered before all have come, unless the machine is stuck.
    let count = |what: &str| refused[what].as_u64().unwrap();
    let (begun, not_begun) = (count("begun"), count("not_begun"));
    assert!(begun >= 5 && not_begun > 0 && begun + not_begun == 10, "{refused}");
    assert_eq!((count("wrong"), &refused["outcomes"]["status 503"]), (begun, &begun.into()));
    assert!(told["notes"].to_string().contains("requests were not begun"), "{}", told["notes"]);
    assert_eq!(got.load(Ordering::SeqCst), 200 + begun);
}

/// A sender straight to the gateway.
fn gateway(head: &str) -> String {
    format!(
        r#"
name = "gateway"
length_seconds = 2.0
settle_seconds = 20.0
{head}
[[sender]]
name = "direct"
arrivals = {{ process = "constant", per_second = 50.0 }}
[sender.request]
to = "simulators"
method = "POST"
path = "/ringring/sms/v1/Message"
headers = {{ Content-Type = "application/json" }}
body = '{{"ApiKey": "sandbox-ringring-key", "To": "{{{{mobile_digits}}}}", "Message": "Bonjour", "Reference": "d-{{{{seq}}}}"}}'
"#
    )
}

#[tokio::test]
async fn hand_overs_are_found_in_the_ledgers_of_simulators_in_and_out_of_the_process_and_faults_come_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let fault = "[[fault]]\nat_seconds = 1.0\nchannel = 'sms'\nname = 'gateway fails'\nset = { server_error = 1.0 }";
    let own = report(folder.path(), "own", &gateway(&format!("[simulators]\n{fault}"))).await;
    let sender = &own["senders"][0];
    let count = |sender: &Value, what: &str| sender[what].as_u64().unwrap();
    assert_eq!(count(sender, "right") + count(sender, "wrong"), 100, "{sender}");
    assert!(count(sender, "right") > 0 && count(sender, "wrong") > 0, "{}", sender["outcomes"]);
    assert_eq!(count(sender, "handed"), count(sender, "right"));
    assert_eq!(count(&sender["handover"], "count"), count(sender, "right"));
    assert_eq!(sender["outcomes"]["status 500"].as_u64(), sender["wrong"].as_u64());
    assert_eq!(own["faults"][0]["name"], "gateway fails");

    let mut settings = Settings::default();
    settings.address.set_port(0);
    let simulators = Simulators::start(settings).await.unwrap();
    let there = gateway(&format!("[simulators]\nat = 'http://{}'", simulators.address()));
    // The second run must not take what the first one left for its own.
    for round in 1..=2 {
        let there = report(folder.path(), "there", &there).await;
        let sender = &there["senders"][0];
        assert_eq!((count(sender, "right"), count(sender, "handed"), count(sender, "handed_again")), (100, 100, 0));
        assert_eq!(simulators.count(Channel::Sms).total, round * 100);
    }

    let compared = harness(folder.path(), &[], &["compare", "own.json", "there.json", "--report", "both.html"]).await;
    assert!(compared.status.success(), "{}", String::from_utf8_lossy(&compared.stderr));
    let page = std::fs::read_to_string(folder.path().join("both.html")).unwrap();
    for part in ["B against A", "Latency over time", "A p99", "B p99"] {
        assert!(page.contains(part), "{part}");
    }
}

#[tokio::test]
async fn a_scenario_that_can_not_be_run_starts_nothing_and_says_which_key_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (port, got) = endpoint(Duration::ZERO).await;
    let good = format!(
        "name = 'x'\nlength_seconds = 1.0\n[[sender]]\nname = 'a'\narrivals = {{ process = 'at', seconds = [0.0] }}\n\
         request = {{ to = 'http://127.0.0.1:{port}', path = '/' }}\n"
    );
    let checked = harness(folder.path(), &[("good.toml", &good)], &["run", "good.toml", "--check"]).await;
    assert!(checked.status.success() && String::from_utf8_lossy(&checked.stdout).contains("1 senders, 1 requests"));
    let bad = format!("{good}[[sender]]\nname = 'b'\narivals = 1\n");
    let ran = harness(folder.path(), &[("bad.toml", &bad)], &["run", "bad.toml", "--json", "x.json"]).await;
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(!ran.status.success() && said.contains("arivals") && said.contains("bad.toml"), "{said}");
    assert!(!folder.path().join("x.json").exists() && got.load(Ordering::SeqCst) == 0);
}
