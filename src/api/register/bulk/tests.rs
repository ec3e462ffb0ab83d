use std::io::Write;

use super::*;

fn source() -> Source<(String, String)> {
    Source::columns(&["a", "b"], &["a"], |fields| {
        let text = |place: usize| fields[place].as_deref().unwrap_or_default().to_owned();
        if text(0) == "bad" { Err(Wrong::new("a", "is bad")) } else { Ok((text(0), text(1))) }
    })
}

async fn all(text: &str, form: Form) -> Result<Vec<(u64, Result<(String, String), String>)>, Problem> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let (mut batches, reading) = batches(file, form, source());
    let mut found = Vec::new();
    while let Some(batch) = batches.recv().await {
        found.extend(batch.into_iter().map(|(line, read)| (line, read.map_err(|wrong| wrong.field.into_owned()))));
    }
    reading.await.unwrap().map(|_| found)
}

#[tokio::test]
async fn lines_say_the_same_as_csv_and_as_ndjson_and_bad_ones_name_their_field() {
    let good = |a: &str, b: &str| Ok((a.to_owned(), b.to_owned()));
    let csv = all("\u{feff}b,a\n1,x\n,y\n1,bad\n1\n\n2,z\n", Form::Csv).await.unwrap();
    let wrong = |field: &str| Err(field.to_owned());
    assert_eq!(csv, [(2, good("x", "1")), (3, good("y", "")), (4, wrong("a")), (5, wrong("")), (7, good("z", "2"))]);
    let text = "{\"b\":\"1\",\"a\":\"x\"}\n{\"a\":\"y\",\"b\":null}\n{\"a\":\"bad\"}\n{\"a\":1}\n\n[]\n{\"a\":\"x\",\"a\":\"y\"}\n{\"c\":\"1\"}\n{\n{\"a\":true}";
    let json = all(text, Form::Ndjson).await.unwrap();
    let told = [
        (1, good("x", "1")),
        (2, good("y", "")),
        (3, wrong("a")),
        (4, wrong("a")),
        (6, wrong("")),
        (7, wrong("a")),
        (8, wrong("")),
        (9, wrong("")),
        (10, good("true", "")),
    ];
    assert_eq!(json, told);
}

#[tokio::test]
async fn a_header_that_lacks_a_column_or_has_a_strange_one_is_refused_before_any_row() {
    for (text, places) in [("b\n1\n", vec!["a"]), ("a,c,a\n", vec!["column 2", "column 3"]), ("", vec!["header"])] {
        let Err(Problem::InvalidHeader(faults)) = all(text, Form::Csv).await else { panic!("accepted {text:?}") };
        assert_eq!(faults.iter().map(|fault| &*fault.pointer).collect::<Vec<_>>(), places);
    }
}

#[tokio::test]
async fn a_batch_that_is_refused_for_some_lines_is_done_for_all_others() {
    let lines: Vec<(u64, u64)> = (0..100).map(|number| (number + 1, number)).collect();
    let mut taken = Vec::new();
    let act = async |some: Vec<u64>| {
        if some.iter().any(|number| matches!(number, 7 | 8 | 99)) { Err(Trouble::TooManyRows(9)) } else { Ok(some) }
    };
    let bad = apart(lines, |trouble| matches!(trouble, Trouble::TooManyRows(_)), act, |some| taken.extend(some));
    let bad: Vec<u64> = bad.await.unwrap().into_iter().map(|(line, _)| line).collect();
    assert_eq!(bad, [8, 9, 100]);
    let others: Vec<u64> = (0..100).filter(|number| !matches!(number, 7 | 8 | 99)).collect();
    assert_eq!(taken, others);
}
