use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tributary_domain::reason::Reason;

use super::*;
use crate::canonical::{DecodingRules, Fields, Refusal, decode};

fn rows(input: &[u8], format: Format, map: &ColumnMap) -> Vec<Result<Row, Refusal>> {
    match RowReader::open(input, format, map, Limits::default()) {
        Ok(reader) => reader.collect(),
        Err(refusal) => vec![Err(refusal)],
    }
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const CSV: &str = "event_type,transaction_id,value,currency\nconversion,o1,49.90,EUR\nconversion,o2,1,EUR\n";

#[test]
fn rows_are_the_same_plain_or_zipped_with_or_without_mark_and_with_any_line_end() {
    let expected = rows(CSV.as_bytes(), Format::Csv, &ColumnMap::default());
    assert_eq!(expected.len(), 2);
    let marked = [b"\xef\xbb\xbf", CSV.as_bytes()].concat();
    let windows = CSV.replace('\n', "\r\n");
    let two_members = [zipped(&CSV.as_bytes()[..50]), zipped(&CSV.as_bytes()[50..])].concat();
    let unterminated = CSV.trim_end();
    for input in [
        &marked[..],
        windows.as_bytes(),
        &zipped(CSV.as_bytes()),
        &two_members,
        &zipped(&marked),
        unterminated.as_bytes(),
    ] {
        assert_eq!(rows(input, Format::Csv, &ColumnMap::default()), expected);
    }
    let row = expected[1].as_ref().unwrap();
    assert_eq!((row.line, row.number, row.raw.as_slice()), (3, 2, b"conversion,o2,1,EUR".as_slice()));
}

#[test]
fn csv_and_jsonl_rows_of_one_event_decode_to_one_event() {
    let lines = "{\"event_type\":\"conversion\",\"transaction_id\":\"o1\",\"value\":\"49.90\",\"currency\":\"EUR\"}\n\n  \n\
                 {\"event_type\":\"conversion\",\"transaction_id\":\"o2\",\"value\":1,\"currency\":\"EUR\"}";
    let events = |input: &[u8], format| -> Vec<_> {
        rows(input, format, &ColumnMap::default())
            .into_iter()
            .map(|row| decode(&row.unwrap().fields.unwrap(), &DecodingRules::default()).unwrap())
            .collect()
    };
    let from_lines = events(lines.as_bytes(), Format::Jsonl);
    assert_eq!(from_lines, events(CSV.as_bytes(), Format::Csv));
    let numbers: Vec<_> = rows(lines.as_bytes(), Format::Jsonl, &ColumnMap::default())
        .into_iter()
        .map(|r| r.unwrap().line)
        .collect();
    assert_eq!(numbers, [1, 4]);
}

#[test]
fn quoted_fields_may_hold_delimiters_marks_and_line_breaks_and_lines_stay_counted() {
    let csv = "event_type,note\nclick,\"a,\"\"b\"\"\nc\"\n\nclick,d\n";
    let found = rows(csv.as_bytes(), Format::Csv, &ColumnMap::default());
    let first = found[0].as_ref().unwrap();
    assert_eq!(first.fields.as_ref().unwrap().get("note"), Some("a,\"b\"\nc"));
    assert_eq!(first.line, 2);
    assert_eq!(found[1].as_ref().unwrap().line, 5);
}

#[test]
fn a_broken_row_is_one_refused_row_and_reading_goes_on() {
    let csv = b"event_type,goal\nclick\nclick,a,b\nclick,\xff\nclick,fine\n";
    let found: Vec<Row> =
        rows(csv, Format::Csv, &ColumnMap::default()).into_iter().map(Result::unwrap).collect();
    let faults: Vec<_> = found
        .iter()
        .map(|row| row.fields.as_ref().err().map(|refusal| (refusal.reason, refusal.field.clone())))
        .collect();
    let malformed = |field: Option<&str>| Some((Reason::MalformedBody, field.map(str::to_owned)));
    assert_eq!(faults, [malformed(None), malformed(None), malformed(Some("goal")), None]);
}

#[test]
fn an_unclosed_quotation_mark_is_a_refused_row_that_shows_where_it_began() {
    let found = rows(b"event_type,goal\nclick,\"a\nclick,b\nclick,c\n", Format::Csv, &ColumnMap::default());
    let row = found[0].as_ref().unwrap();
    assert_eq!((found.len(), row.line), (1, 2));
    // Its line breaks cannot stand in a key, so the swallowed rows are seen and not silently lost.
    let rules = DecodingRules::default();
    let refusal = decode(row.fields.as_ref().unwrap(), &rules).unwrap_err();
    assert!(matches!(refusal.reason, Reason::InvalidField | Reason::MissingField));
}

#[test]
fn a_file_that_breaks_off_keeps_its_rows_and_says_where_it_broke() {
    let whole = zipped(CSV.repeat(200).as_bytes());
    let found = rows(&whole[..whole.len() - 6], Format::Csv, &ColumnMap::default());
    let last = found.last().unwrap().as_ref().unwrap_err();
    assert_eq!(last.reason, Reason::MalformedBody);
    assert!(last.message.contains("beyond line"), "{last}");
    assert_eq!(found.iter().filter(|row| row.is_err()).count(), 1);
}

#[test]
fn sizes_are_bounded_before_memory_is() {
    let limits = Limits { longest_row: 1000, largest_file: 100_000, most_expansion: 10 };
    let read = |input: &[u8], format| {
        RowReader::open(input, format, &ColumnMap::default(), limits)
            .and_then(|reader| reader.collect::<Result<Vec<_>, _>>())
            .map_err(|refusal| refusal.reason)
    };
    let long_line = format!("{{\"event_type\":\"{}\"}}\n", "x".repeat(2000));
    let open_quote = format!("a,b\n\"{}", "x,\n".repeat(2000));
    let bomb = zipped(&b"a,b\nx,y\n".repeat(100_000));
    for (input, format) in [
        (long_line.as_bytes(), Format::Jsonl),
        (open_quote.as_bytes(), Format::Csv),
        (&bomb[..], Format::Csv),
        (&bomb[..], Format::Jsonl),
    ] {
        assert_eq!(read(input, format).unwrap_err(), Reason::TooLarge);
    }
    let wide = vec!["a"; 3000].join(",");
    assert_eq!(
        rows(wide.as_bytes(), Format::Csv, &ColumnMap::default())[0].as_ref().unwrap_err().reason,
        Reason::TooLarge
    );
}

#[test]
fn formats_are_known_by_file_names() {
    for (name, expected) in [
        ("a.csv", Some(Format::Csv)),
        ("A.CSV.GZ", Some(Format::Csv)),
        ("a.b.jsonl", Some(Format::Jsonl)),
        ("a.ndjson.gz", Some(Format::Jsonl)),
        ("a.tsv", Some(Format::Csv)),
        ("a.xlsx", None),
        ("csv", None),
        ("a.gz", None),
    ] {
        assert_eq!(Format::of_file_name(name), expected, "{name}");
    }
}

const MAP: &str = r#"
delimiter = ";"
decimal_comma = true
currency = "EUR"
time_zone = "+01:00"

[columns]
"Order No" = "transaction_id"
"Sum" = "value"
"Date" = "timestamp"

[constants]
event_type = "conversion"
"#;

#[test]
fn a_map_gives_foreign_columns_their_meaning_and_errors_keep_the_files_own_names() {
    let map = ColumnMap::parse(MAP).unwrap();
    let rules = map.rules(&DecodingRules::default());
    let file = "Date;Order No;Clerk;Sum\n2026-01-15 11:00:00;A-1;x;49,90\n2026-01-15;A-2;x;1.234,00\n15.01.2026;A-3;;1\n";
    let events: Vec<_> = rows(file.as_bytes(), Format::Csv, &map)
        .into_iter()
        .map(|row| decode(&row.unwrap().fields.unwrap(), &rules))
        .collect();
    let canonical = crate::canonical::fields_from_json(
        br#"{"event_type":"conversion","order_id":"A-1","amount":49.9,"currency":"EUR","timestamp":"2026-01-15T10:00:00Z"}"#,
    );
    assert_eq!(events[0].as_ref().unwrap(), &decode(&canonical.unwrap(), &DecodingRules::default()).unwrap());
    for (event, field) in [(&events[1], "Sum"), (&events[2], "Date")] {
        let refusal = event.as_ref().unwrap_err();
        assert_eq!((refusal.reason, refusal.field.as_deref()), (Reason::InvalidField, Some(field)));
    }
}

#[test]
fn offsets_and_naive_times_meet_in_utc() {
    let map = ColumnMap::parse("time_zone = \"-0530\"").unwrap();
    let file = "event_type,timestamp\nclick,2026-01-15 04:30:00\nclick,2026-01-15T10:00:00Z\nclick,1768471200\nclick,2026-01-15T04:30\n";
    for row in rows(file.as_bytes(), Format::Csv, &map) {
        let fields = row.unwrap().fields.unwrap();
        let time = tributary_domain::time::Timestamp::parse(fields.get("timestamp").unwrap()).unwrap();
        assert_eq!(time.to_string(), "2026-01-15T10:00:00Z");
    }
}

#[test]
fn result_files_hold_one_outcome_per_row_and_no_live_formula() {
    let mut written = Vec::new();
    let mut writer = OutcomeWriter::new(&mut written).unwrap();
    let accepted = OutcomeRow {
        line: 2,
        status: "accepted",
        event_id: Some("e1"),
        reason: Reason::Recorded,
        message: "",
    };
    writer.write(&accepted).unwrap();
    let message = "=HYPERLINK(\"x\"), said \"they\"";
    let rejected =
        OutcomeRow { line: 3, status: "rejected", event_id: None, reason: Reason::InvalidField, message };
    writer.write(&rejected).unwrap();
    writer.flush().unwrap();
    drop(writer);
    assert_eq!(
        String::from_utf8(written).unwrap(),
        "line,status,event_id,reason,message\n2,accepted,e1,recorded,\n3,rejected,,invalid_field,\"'=HYPERLINK(\"\"x\"\"), said \"\"they\"\"\"\n"
    );
}

const JOURNEYS: &str = r#"
kind = "journeys"
currency = "KWD"
[journeys]
name = "path"
path = "path"
conversions = "total_conversions"
value = "total_conversion_value"
nulls = "total_null"
link_prefix = "p_"
start = "2026-01-05T00:00:00Z"
until = "2026-02-01T00:00:00Z"
between_people = "20s"
between_touches = "1h"
before_conversion = "1h"
"#;

fn journey_map() -> (ColumnMap, JourneyExpander) {
    let map = ColumnMap::parse(JOURNEYS).unwrap();
    let expander = JourneyExpander::of(&map).unwrap();
    (map, expander)
}

#[test]
fn a_path_becomes_its_people_s_clicks_and_conversions() {
    let (map, mut expander) = journey_map();
    let file =
        "path,total_conversions,total_conversion_value,total_null\na > b,2,2.4019999999999997,1\nb,0,0,1\n";
    let found = rows(file.as_bytes(), Format::Csv, &map);
    let journeys = expander.expand(found[0].as_ref().unwrap()).unwrap();
    assert_eq!(
        (journeys.total().to_string().as_str(), journeys.people(), journeys.conversions()),
        ("2.402 KWD", 3, 2)
    );
    assert_eq!(journeys.events(), 8);
    let lines: Vec<String> = journeys.clone().map(|fields| fields.to_json()).collect();
    assert_eq!(lines.len(), 8);
    assert_eq!(
        lines[..3],
        [
            r#"{"event_type":"click","event_id":"path-1-1-touch-1","timestamp":"2026-01-05T00:00:00Z","visitor_id":"path-1-1","link":"p_a"}"#,
            r#"{"event_type":"click","event_id":"path-1-1-touch-2","timestamp":"2026-01-05T01:00:00Z","visitor_id":"path-1-1","link":"p_b"}"#,
            r#"{"event_type":"conversion","event_id":"path-1-1-conversion","timestamp":"2026-01-05T02:00:00Z","visitor_id":"path-1-1","customer_id":"path-1-1","transaction_id":"path-1-1","value":"1.201","currency":"KWD"}"#,
        ]
    );
    let rules = map.rules(&DecodingRules::default());
    assert!(journeys.map(|fields| decode(&fields, &rules)).all(|event| event.is_ok()));
    // The fourth person of the file begins where three have begun before.
    let next: Vec<_> = expander.expand(found[1].as_ref().unwrap()).unwrap().collect();
    assert_eq!((next.len(), next[0].get("timestamp")), (1, Some("2026-01-05T00:01:00Z")));
    assert_eq!(expander.people(), 4);
}

#[test]
fn paths_that_cannot_be_dated_or_counted_are_refused_by_column() {
    let header = "path,total_conversions,total_conversion_value,total_null\n";
    for (row, reason, field) in [
        ("a,-1,0,1", Reason::InvalidField, "total_conversions"),
        ("a,1.0,0,1", Reason::InvalidField, "total_conversions"),
        ("a,1,NaN,1", Reason::InvalidField, "total_conversion_value"),
        ("a,0,1,1", Reason::InvalidField, "total_conversion_value"),
        ("a,1,1,", Reason::MissingField, "total_null"),
        (",1,1,1", Reason::MissingField, "path"),
        ("a > ü,1,1,1", Reason::InvalidField, "path"),
        ("a,1,1,9999999", Reason::TimeOutOfRange, "path"),
    ] {
        let (map, mut expander) = journey_map();
        let found = rows(format!("{header}{row}\n").as_bytes(), Format::Csv, &map);
        let refusal = expander.expand(found[0].as_ref().unwrap()).unwrap_err();
        assert_eq!((refusal.reason, refusal.field.as_deref()), (reason, Some(field)), "{row}");
        assert_eq!(expander.people(), 0);
    }
}

#[test]
fn the_published_paths_are_eighty_eight_thousand_people_in_one_month() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/paths");
    let map = ColumnMap::parse(&std::fs::read_to_string(format!("{folder}/map.toml")).unwrap()).unwrap();
    let mut expander = JourneyExpander::of(&map).unwrap();
    let file = std::fs::File::open(format!("{folder}/pathdata.csv")).unwrap();
    let reader = RowReader::open(file, Format::Csv, &map, Limits::default()).unwrap();
    let (mut total, mut conversions, mut longest, mut last) = (0, 0, 0, 0);
    for row in reader {
        let row = row.unwrap();
        let journeys = expander.expand(&row).unwrap();
        total += journeys.total().minor;
        conversions += journeys.conversions();
        longest = longest.max(journeys.touches());
        last = row.number;
    }
    assert_eq!((expander.people(), conversions, longest, last), (88_387, 19_785, 89, 10_000));
    assert_eq!(total, 74_802_962);
}

/// Hands its bytes out a few at a time, as a slow network does.
struct Trickle<'b>(&'b [u8], usize);

impl std::io::Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.1.min(buffer.len()).min(self.0.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

proptest! {
    #[test]
    fn whatever_a_csv_writer_writes_is_read_back_in_any_portions(
        records in prop::collection::vec(prop::collection::vec("[a-z,\"\n\r é]{0,12}", 3), 0..12),
        portion in 1usize..7, is_zipped in any::<bool>(),
    ) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["one", "two", "three"]).unwrap();
        records.iter().for_each(|record| writer.write_record(record).unwrap());
        let plain = writer.into_inner().unwrap();
        let bytes = if is_zipped { zipped(&plain) } else { plain };
        let input = Trickle(&bytes, portion);
        let map = ColumnMap::default();
        let reader = RowReader::open(input, Format::Csv, &map, Limits::default()).unwrap();
        let read: Vec<Vec<String>> = reader
            .map(|row| row.unwrap().fields.unwrap().iter().map(|field| field.value.clone()).collect())
            .collect();
        prop_assert_eq!(read, records);
    }

    #[test]
    fn no_file_whatever_brings_the_reader_down(bytes in prop::collection::vec(any::<u8>(), 0..400), is_zipped in any::<bool>()) {
        let bytes = if is_zipped { zipped(&bytes) } else { bytes };
        for format in [Format::Csv, Format::Jsonl] {
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + bytes.len() + 2;
            prop_assert!(rows(&bytes, format, &ColumnMap::default()).len() <= lines * 1100);
        }
        if let Ok(text) = std::str::from_utf8(&bytes) {
            let _ = ColumnMap::parse(text);
        }
    }
}

#[test]
fn a_row_under_canonical_names_means_what_the_map_says_also_to_who_does_not_know_it() {
    let map = ColumnMap::parse(
        "decimal_comma = true\ncurrency = 'EUR'\n[columns]\nNet = 'value'\nNo = 'transaction_id'\nNote = 'ignore'",
    )
    .unwrap();
    let canonical = |pairs: &[(&str, &str)]| {
        let mut fields = Fields::new();
        pairs.iter().for_each(|(name, value)| fields.push(name, value).unwrap());
        map.canonical(&fields).map(|fields| fields.to_json())
    };
    for (pairs, json) in [
        (
            &[("Net", "1234,50"), ("No", "7"), ("Note", "x")][..],
            r#"{"value":1234.50,"transaction_id":"7","currency":"EUR"}"#,
        ),
        (&[("Net", "5"), ("currency", "USD")], r#"{"value":5,"currency":"USD"}"#),
        (&[("Net", "5"), ("currency", " ")], r#"{"value":5,"currency":"EUR"}"#),
        (&[("Net", ""), ("No", "7")], r#"{"value":"","transaction_id":"7"}"#),
        (&[("Net", "007,1")], r#"{"value":"007.1","currency":"EUR"}"#),
    ] {
        assert_eq!(canonical(pairs).unwrap(), json);
    }
    let refusal = canonical(&[("Net", "1.234")]).unwrap_err();
    assert_eq!((refusal.reason, refusal.field.as_deref()), (Reason::InvalidField, Some("Net")));
}
