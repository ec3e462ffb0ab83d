//! The pages of the mailbox over real sockets: signing in through the sandbox's provider, reading, writing, and all that must be
//! refused.
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used)] // a failed step fails the test
mod browser;
mod coming;
mod disk;
mod files;
mod memory;
mod reading;
mod samples;
mod settling;
mod site;
mod writing;

/// Serves the sample mailboxes until the named file is there, for a real browser with a provider of its own; `tests/interop/web/run` runs it.
#[actix_rt::test]
#[ignore = "serves for another program"]
async fn serve_for_a_browser() {
    let get = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("give {name}"));
    let listener = std::net::TcpListener::bind(get("WEB_ADDRESS")).unwrap();
    let sign_in = estafette::web::SignIn {
        issuer: get("WEB_ISSUER"),
        client_id: "estafette".to_owned(),
        client_secret: Some("a secret of the test only".to_owned()),
        scopes: vec!["profile".to_owned(), "mailbox".to_owned()],
        ..estafette::web::SignIn::default()
    };
    std::fs::write(get("WEB_PERSON"), samples::citizen(0).digits()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = disk::open(folder.path());
    let running = site::Running::at(listener, sign_in, memory::Memory::default(), Some(store), |_| {}).await;
    let end = std::path::PathBuf::from(get("WEB_END"));
    for _ in 0..18_000 {
        if end.exists() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    running.stop().await;
}
