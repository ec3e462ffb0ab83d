//! The contents of documents on a real folder and, with `ESTAFETTE_S3` (the address of a server that speaks S3, which may be emptied), in
//! a real bucket: the same tests on both. `ESTAFETTE_FILES` names a folder of files that other programs made.
#![allow(clippy::unwrap_used)] // a failed step fails the test
use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use estafette::contents::media::{Inspector, archive, watch};
use estafette::contents::scanner::{Clamd, Settings as ScannerSettings};
use estafette::contents::{Place, Settings, Store, bucket};
use estafette_actors::domain::mailbox::media::MediaType;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::{ContentTrouble, Contents, Incoming, Kept, Scanner, Verdict};
use estafette_actors::ports::{Clock, SystemClock};
use futures_util::{StreamExt, TryStreamExt};

/// Memory is measured: one test at a time.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
const MIB: usize = 1 << 20;

fn folder(path: &Path) -> Settings {
    Settings::new(Place::Folder { path: path.to_path_buf(), keep_free: 0 })
}

/// A bucket of its own prefix.
fn in_bucket() -> Settings {
    let endpoint = std::env::var("ESTAFETTE_S3").expect("ESTAFETTE_S3 is the address of a server that speaks S3");
    let text = |text: &str| text.to_owned();
    Settings::new(Place::Bucket(bucket::Settings {
        endpoint,
        bucket: text("documents"),
        prefix: format!("mailbox/{:08x}", rand::random::<u32>()),
        region: text("eu-west-3"),
        key_id: text("key"),
        secret: "secret".into(),
        allow_http: true,
    }))
}

/// Bytes that are not all the same, by place.
fn made(size: usize) -> Vec<u8> {
    (0..size).map(|place| (place % 251) as u8 ^ (place / 1_000) as u8).collect()
}

fn stream(bytes: &[u8], piece: usize) -> Incoming {
    let pieces: Vec<_> = bytes.chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    futures_util::stream::iter(pieces).boxed()
}

async fn all(incoming: Incoming) -> Vec<u8> {
    incoming
        .try_fold(Vec::new(), |mut all, piece| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        })
        .await
        .unwrap()
}

async fn given(store: &Store, kept: &Kept, range: Option<std::ops::Range<u64>>) -> Result<Vec<u8>, ContentTrouble> {
    Ok(all(store.give(&kept.name, range).await?).await)
}

/// How many there are, by a sweep that finds all of them needed.
async fn count(store: &Store) -> usize {
    let counted = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&counted);
    let later = SystemClock.now().plus(Duration::from_secs(3_600));
    let swept = store.sweep(later, Arc::new(move |_| counting.fetch_add(1, Ordering::Relaxed) < usize::MAX)).await;
    assert_eq!(swept, Ok(0), "something was half taken");
    counted.load(Ordering::Relaxed)
}

/// What has to be so wherever contents lie.
async fn everything(settings: &Settings) {
    let store = Store::open(settings.clone()).unwrap();
    // Around the bounds of what is written at once and of parts.
    let sizes =
        [0, 1, 50_000, 256 << 10, (256 << 10) + 1, MIB, MIB + 1, 3 * MIB, 5 * MIB, 5 * MIB + 1, 10 * MIB, 12 * MIB];
    let mut kept = Vec::new();
    for size in sizes {
        let bytes = made(size);
        let one = store.take(stream(&bytes, 70_001), 20 * MIB as u64).await.unwrap();
        let hash = digest::digest(&digest::SHA256, &bytes);
        assert_eq!((one.size, &one.digest.0[..]), (size as u64, hash.as_ref()), "{size}");
        assert!(one.name.len() == 40 && !kept.contains(&one), "{}", one.name);
        assert!(given(&store, &one, None).await.unwrap() == bytes, "{size}");
        kept.push(one);
    }
    assert_eq!(count(&store).await, sizes.len());

    // Parts.
    let (three, bytes) = (&kept[7], made(3 * MIB));
    for range in [0..1, 5..5, 100..200_000, MIB as u64..3 * MIB as u64, 3_145_727..3_145_728] {
        let part = &bytes[range.start as usize..range.end as usize];
        assert!(given(&store, three, Some(range.clone())).await.unwrap() == part, "{range:?}");
    }
    let end = 3 * MIB as u64;
    assert!(given(&store, three, Some(end - 10..end + 10)).await.unwrap() == bytes[3 * MIB - 10..], "to the end");
    assert_eq!(given(&store, three, Some(end..end + 1)).await, Err(ContentTrouble::Gone));

    // What is too large, breaks off or stops leaves nothing.
    for (size, most) in [(1_001, 1_000), (MIB, MIB - 1), (12 * MIB, 11 * MIB)] {
        let taken = store.take(stream(&made(size), 65_536), most as u64).await;
        assert_eq!(taken, Err(ContentTrouble::TooLarge(most as u64)));
        assert!(store.take(stream(&made(most), 65_536), most as u64).await.is_ok(), "just as much");
        let broken = stream(&made(size), 65_536).chain(futures_util::stream::iter([Err(io::Error::other("cut"))]));
        assert_eq!(store.take(broken.boxed(), u64::MAX).await, Err(ContentTrouble::Broken));
        let stuck = stream(&made(size), 65_536).chain(futures_util::stream::pending()).boxed();
        let hurried = Store::open(Settings { between: Duration::from_millis(50), ..settings.clone() }).unwrap();
        assert_eq!(hurried.take(stuck, u64::MAX).await, Err(ContentTrouble::Broken));
        // Who sends hangs up, and nobody asks for the end.
        let stuck = stream(&made(size), 65_536).chain(futures_util::stream::pending()).boxed();
        assert!(tokio::time::timeout(Duration::from_millis(300), store.take(stuck, u64::MAX)).await.is_err());
    }
    until_nothing_is_half_taken(&store).await;
    assert_eq!(count(&store).await, sizes.len() + 3);

    // Removed, and removed again; names that were never given out.
    let gone: Vec<Box<str>> = kept[..3].iter().map(|one| one.name.clone()).collect();
    let foreign = ["../../etc/passwd".into(), "f".repeat(40).into(), Box::from("")];
    for _ in 0..2 {
        assert_eq!(store.remove(gone.iter().chain(&foreign).cloned().collect()).await, Ok(()));
    }
    for name in gone.iter().chain(&foreign) {
        assert!(matches!(store.give(name, None).await.map(drop), Err(ContentTrouble::Gone)), "{name}");
    }
    // Swept: what is older and not needed.
    let needed = kept[3].name.clone();
    assert_eq!(store.sweep(Timestamp::from_millis(1_000), Arc::new(|_| false)).await, Ok(0), "nothing is so old");
    let later = SystemClock.now().plus(Duration::from_secs(3_600));
    let swept = store.sweep(later, Arc::new(move |name| *name == *needed)).await;
    assert_eq!(swept, Ok(sizes.len() as u64 - 4 + 3));
    assert!(given(&store, &kept[3], None).await.is_ok() && count(&store).await == 1);
}

/// What was given up is taken away beside.
async fn until_nothing_is_half_taken(store: &Store) {
    let Some(folder) = store.place().to_str().filter(|place| !place.starts_with("http")).map(ToOwned::to_owned) else {
        return;
    };
    for _ in 0..200 {
        let folders = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files =
            folders.flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().file_name());
        if !files.any(|name| name.to_string_lossy().contains('#')) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("something stayed half taken");
}

/// Bytes of this process in memory.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1_024
}

/// 100 MB up and down, and several at once, in bounded memory.
async fn in_bounded_memory(settings: &Settings, at_once: usize) {
    let store = Store::open(Settings { large_at_once: 2, ..settings.clone() }).unwrap();
    let large = || {
        // Other bytes each time, so that nobody shares them.
        let pieces = (0..1_600_u32).map(|number| Ok(Bytes::from(vec![number as u8; 64 << 10])));
        futures_util::stream::iter(pieces).boxed()
    };
    let most = 200 * MIB as u64;
    // What the first use of anything costs is not meant.
    let small = store.take(stream(&made(MIB / 2), 65_536), most).await.unwrap();
    given(&store, &small, None).await.unwrap();
    let (before, peak) = (resident(), Arc::new(AtomicUsize::new(0)));
    let noted = Arc::clone(&peak);
    let watching = tokio::spawn(async move {
        loop {
            noted.fetch_max(resident(), Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    let more = || peak.load(Ordering::Relaxed).max(resident()).saturating_sub(before);
    let kept = store.take(large(), most).await.unwrap();
    assert_eq!(kept.size, 1_600 * (64 << 10));
    let mut down = store.give(&kept.name, None).await.unwrap();
    let mut size = 0;
    while let Some(piece) = down.try_next().await.unwrap() {
        size += piece.len() as u64;
    }
    assert_eq!(size, kept.size);
    let alone = more();
    assert!(alone <= 32 * MIB, "{alone} bytes more for one");
    let several = futures_util::future::join_all((0..at_once).map(|_| store.take(large(), most))).await;
    assert!(several.iter().all(Result::is_ok));
    let together = more();
    assert!(together <= 64 * MIB, "{together} bytes more for {at_once}, two at a time");
    eprintln!("{} MiB more for one content of 100 MiB, {} MiB for {at_once} at once", alone / MIB, together / MIB);
    watching.abort();
    let names = several.into_iter().map(|kept| kept.unwrap().name).chain([kept.name]).collect();
    store.remove(names).await.unwrap();
}

#[tokio::test]
async fn a_folder_keeps_contents() {
    let _alone = ALONE.lock().await;
    let path = tempfile::tempdir().unwrap();
    everything(&folder(path.path())).await;
}

#[tokio::test]
async fn a_folder_takes_and_gives_in_bounded_memory() {
    let _alone = ALONE.lock().await;
    let path = tempfile::tempdir().unwrap();
    in_bounded_memory(&folder(path.path()), 4).await;
}

#[tokio::test]
#[ignore = "ESTAFETTE_S3 has to be the address of a server that speaks S3"]
async fn a_bucket_keeps_contents() {
    let _alone = ALONE.lock().await;
    let mut settings = in_bucket();
    everything(&settings).await;
    let Place::Bucket(bucket) = &mut settings.place else { unreachable!() };
    bucket.bucket = "there-is-none".to_owned();
    let store = Store::open(settings).unwrap();
    for size in [10, 6 * MIB] {
        let told = store.take(stream(&made(size), 65_536), u64::MAX).await.unwrap_err().to_string();
        assert!(told.contains("is not there"), "{told}");
    }
}

#[tokio::test]
#[ignore = "ESTAFETTE_S3 has to be the address of a server that speaks S3"]
async fn a_bucket_takes_and_gives_in_bounded_memory() {
    let _alone = ALONE.lock().await;
    in_bounded_memory(&in_bucket(), 3).await;
}

#[tokio::test]
async fn what_a_kill_left_half_taken_is_swept_and_what_is_anothers_stays() {
    let _alone = ALONE.lock().await;
    let path = tempfile::tempdir().unwrap();
    let store = Store::open(folder(path.path())).unwrap();
    let kept = store.take(stream(&made(100), 100), 1_000).await.unwrap();
    let sub_folder = path.path().join(&kept.name[..3]);
    for name in [format!("{}#1", "a".repeat(37)), "readme".to_owned()] {
        std::fs::write(sub_folder.join(name), "x").unwrap();
    }
    assert_eq!(store.sweep(Timestamp::from_millis(1_000), Arc::new(|_| false)).await, Ok(0), "it may still be written");
    let later = SystemClock.now().plus(Duration::from_secs(3_600));
    assert_eq!(store.sweep(later, Arc::new(|_| true)).await, Ok(1));
    assert!(sub_folder.join("readme").exists() && given(&store, &kept, None).await.is_ok());
    let new = path.path().join("new");
    Store::open(folder(&new)).unwrap();
    let mode = std::fs::metadata(&new).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "nobody else may look into it");
}

const KILLED: &str = "ESTAFETTE_CONTENTS_FOLDER";

/// The process that is killed: takes contents until then, and tells of each that it has.
#[tokio::test]
#[ignore = "the process that another test kills"]
async fn one_that_is_killed() {
    let store = Store::open(folder(Path::new(&std::env::var(KILLED).unwrap()))).unwrap();
    let takers = (0..8).map(|taker| {
        let store = store.clone();
        async move {
            loop {
                let kept = store.take(stream(&made(40_000 + taker * 150_000), 16_384), u64::MAX).await.unwrap();
                writeln!(io::stdout(), "kept {} {}", kept.name, kept.size).unwrap();
            }
        }
    });
    futures_util::future::join_all(takers).await;
}

#[tokio::test]
async fn after_a_kill_all_that_was_told_is_whole_and_the_rest_is_swept() {
    let _alone = ALONE.lock().await;
    let path = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    for kills in 1..=4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", "one_that_is_killed"])
            .env(KILLED, path.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        told.extend(lines.by_ref().filter(|line| line.starts_with("kept ")).take(20 * kills));
        child.kill().unwrap();
        child.wait().unwrap();
        told.extend(lines.filter(|line| line.starts_with("kept ")));
    }
    let store = Store::open(folder(path.path())).unwrap();
    let names: HashSet<String> = told.iter().filter_map(|line| Some(line.split(' ').nth(1)?.to_owned())).collect();
    assert!(names.len() == told.len() && told.len() >= 200, "{} of {}", names.len(), told.len());
    let later = SystemClock.now().plus(Duration::from_secs(3_600));
    let needed = names.clone();
    let swept = store.sweep(later, Arc::new(move |name| needed.contains(name))).await.unwrap();
    eprintln!("{} were told of, {swept} were not or were half taken", told.len());
    assert!(swept <= 4 * 8, "no more than were under way: {swept}");
    assert_eq!(count(&store).await, names.len());
    for line in &told {
        let mut words = line.split(' ').skip(1);
        let (name, size) = (words.next().unwrap(), words.next().unwrap().parse().unwrap());
        assert!(all(store.give(name, None).await.unwrap()).await == made(size), "{line}");
    }
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_takes_nothing_and_a_folder_that_is_gone_is_told() {
    let _alone = ALONE.lock().await;
    let path = tempfile::tempdir().unwrap();
    let settings = Settings::new(Place::Folder { path: path.path().join("a"), keep_free: u64::MAX });
    let full = Store::open(settings).unwrap();
    for size in [10, 3 * MIB] {
        assert_eq!(full.take(stream(&made(size), 65_536), u64::MAX).await, Err(ContentTrouble::Full));
    }
    assert_eq!(count(&full).await, 0);
    std::fs::write(path.path().join("file"), "x").unwrap();
    let told = Store::open(folder(&path.path().join("file"))).err().unwrap().to_string();
    assert!(told.contains("can't be used"), "{told}");
}

#[tokio::test]
async fn a_bucket_that_does_not_answer_is_told_in_time_without_its_key() {
    let _alone = ALONE.lock().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = |text: &str| text.to_owned();
    let settings = |endpoint: String, allow_http| bucket::Settings {
        endpoint,
        bucket: text("documents"),
        prefix: String::new(),
        region: text("eu-west-3"),
        key_id: text("AKIA1"),
        secret: "s3cret".into(),
        allow_http,
    };
    let bucket = settings(format!("http://{nobody}"), true);
    assert!(!format!("{bucket:?}").contains("s3cret"));
    let store = Store::open(Settings::new(Place::Bucket(bucket))).unwrap();
    assert_eq!(store.place(), Path::new(&format!("http://{nobody}/documents")));
    let began = std::time::Instant::now();
    let told = store.take(stream(b"x", 1), 10).await.unwrap_err().to_string();
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    assert!(
        told.contains("does not answer") && !told.contains("AKIA1") && !told.contains(&nobody.to_string()),
        "{told}"
    );
    let plain = settings(text("http://127.0.0.1:1"), false);
    assert!(Store::open(Settings::new(Place::Bucket(plain))).is_err(), "not without encryption");
}

/// Files that other programs made, each named for what it is: `1.docx`, `as-plain.txt`. Those in `wrong` are refused.
#[tokio::test]
#[ignore = "ESTAFETTE_FILES has to be a folder of files"]
async fn files_of_other_programs_are_what_they_say() {
    let files = std::env::var("ESTAFETTE_FILES").expect("ESTAFETTE_FILES is a folder of files");
    let path = tempfile::tempdir().unwrap();
    let store = Store::open(folder(path.path())).unwrap();
    let inspector = Inspector::new(Arc::new(store.clone()), archive::Bounds::default(), 2);
    let types = [
        ("pdf", MediaType::Pdf),
        ("zip", MediaType::Zip),
        ("csv", MediaType::Csv),
        ("html", MediaType::Html),
        ("txt", MediaType::Plain),
        ("xml", MediaType::Xml),
        ("odt", MediaType::Odt),
        ("ods", MediaType::Ods),
        ("odp", MediaType::Odp),
        ("odg", MediaType::Odg),
        ("xls", MediaType::Xls),
        ("xlsx", MediaType::Xlsx),
        ("ppt", MediaType::Ppt),
        ("doc", MediaType::Doc),
        ("docx", MediaType::Docx),
    ];
    let mut looked_at = [0, 0];
    for (place, folder) in [Path::new(&files).to_path_buf(), Path::new(&files).join("wrong")].into_iter().enumerate() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            let extension = file.extension().and_then(|extension| extension.to_str());
            let Some((_, declared)) = types.iter().find(|(name, _)| Some(*name) == extension) else { continue };
            let (incoming, watched) = watch(stream(&std::fs::read(&file).unwrap(), 65_536));
            let kept = store.take(incoming, u64::MAX).await.unwrap();
            let verified = inspector.verify(*declared, &watched.seen(), &kept).await;
            eprintln!("{}: {verified:?}", file.display());
            assert_eq!(verified.is_ok(), place == 0, "{}: {verified:?}", file.display());
            looked_at[place] += 1;
        }
    }
    assert!(looked_at[0] > 5 && looked_at[1] > 5, "{looked_at:?}");
}

/// `ESTAFETTE_CLAMD` is a clamd with the signatures that `tests/interop/scanner/run` gives it, which takes 2 MiB at most.
#[tokio::test]
#[ignore = "ESTAFETTE_CLAMD has to be the address of a clamd with signatures of our own"]
async fn a_real_clamd_says_of_each_content_what_it_is() {
    let address = std::env::var("ESTAFETTE_CLAMD").expect("ESTAFETTE_CLAMD is the address of a clamd");
    let scanner = Clamd::new(ScannerSettings::new(address.parse().unwrap()));
    let eicar = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat();
    let word = [&made(100_000)[..], b"a word that nobody writes", &made(900_000)].concat();
    let found = |verdict: Result<Verdict, String>, name: &str| {
        assert!(matches!(&verdict, Ok(Verdict::Found(found)) if found.contains(name)), "{verdict:?}");
    };
    for piece in [7, 65_536, MIB] {
        found(scanner.scan(stream(eicar.as_bytes(), piece)).await, "Eicar-Test");
        found(scanner.scan(stream(&word, piece.max(1_000))).await, "Estafette.Word");
        assert_eq!(scanner.scan(stream(&made(1_900_000), piece.max(1_000))).await, Ok(Verdict::Clean));
    }
    for size in [3 * MIB, 30 * MIB] {
        let told = scanner.scan(stream(&made(size), 65_536)).await.unwrap_err();
        assert!(told.contains("StreamMaxLength"), "{told}");
    }
    // Several at a time, as many as it has threads for.
    let scans = (0..20).map(|_| scanner.scan(stream(&made(100_000), 65_536)));
    assert!(futures_util::future::join_all(scans).await.iter().all(|verdict| *verdict == Ok(Verdict::Clean)));
}
