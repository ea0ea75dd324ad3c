use std::collections::HashMap;

use super::*;

const NOW: &str = "2026-01-15T10:00:00Z";

/// A request from header pairs, verified at a moment against secrets without an end.
fn verified(headers: &[(&str, &str)], body: &[u8], secrets: &[&str], now: &str) -> Result<Verified, Reason> {
    let secrets: Vec<_> = secrets.iter().map(|text| (Secret(text.as_bytes().to_vec()), None)).collect();
    verified_with(headers, body, &secrets, Timestamp::parse(now).unwrap())
}

fn verified_with(
    headers: &[(&str, &str)],
    body: &[u8],
    secrets: &[(Secret, Option<Timestamp>)],
    now: Timestamp,
) -> Result<Verified, Reason> {
    let headers: HashMap<&str, &str> = headers.iter().copied().collect();
    let header = |name: &str| headers.get(name).copied();
    verify(&SignedRequest { header: &header, body }, secrets, now)
}

fn secret(text: &str) -> Secret {
    Secret(text.as_bytes().to_vec())
}

const SEED_SECRET: &str = "seed-secret-32-bytes-long-0123456";
const SEED_BODY: &[u8] = br#"{"event_type":"conversion","creator_id":"cr_8f3a2d","user_id":"u_1001","timestamp":"2026-01-15T10:00:00Z","conversion_value":"49.90"}"#;
const SEED_SIGNATURE: &str = "7f44be344c33b07e03d4786cd7d06a6a4ac5b6ac5b34004aa211d1e1c31c4f02";

#[test]
fn hmac_holds_rfc_4231_case_2() {
    assert_eq!(
        sign_body(&secret("Jefe"), b"what do ya want for nothing?"),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
}

#[test]
fn body_hmac_holds_the_published_vectors() {
    assert_eq!(SEED_BODY.len(), 133);
    for (key, body, signature) in [
        (SEED_SECRET, SEED_BODY, SEED_SIGNATURE),
        (
            "It's a Secret to Everybody",
            b"Hello, World!".as_slice(),
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ),
    ] {
        assert_eq!(sign_body(&secret(key), body), signature);
        for written in [signature.to_owned(), signature.to_uppercase()] {
            let proof = verified(&[("x-webhook-signature", &written)], body, &[key], NOW).unwrap();
            assert_eq!((proof.scheme(), proof.message_id()), (Scheme::BodyHmac, None));
        }
    }
}

#[test]
fn s1_missing_or_short_signature_is_401() {
    let almost = format!("8{}", &SEED_SIGNATURE[1..]);
    let long = format!("{SEED_SIGNATURE}00");
    let prefixed = format!("sha256={SEED_SIGNATURE}");
    for (presented, reason) in [
        ("", Reason::SignatureMissing),
        ("  ", Reason::SignatureMissing),
        ("7f", Reason::SignatureInvalid),
        ("7", Reason::SignatureInvalid),
        (&SEED_SIGNATURE[..62], Reason::SignatureInvalid),
        (&long, Reason::SignatureInvalid),
        (&almost, Reason::SignatureInvalid),
        (&prefixed, Reason::SignatureInvalid),
        ("zz44be344c33b07e03d4786cd7d06a6a4ac5b6ac5b34004aa211d1e1c31c4f02", Reason::SignatureInvalid),
        ("\u{20ac}", Reason::SignatureInvalid),
        ("undefined", Reason::SignatureInvalid),
    ] {
        let outcome = verified(&[("x-webhook-signature", presented)], SEED_BODY, &[SEED_SECRET], NOW);
        assert_eq!(outcome.unwrap_err(), reason, "{presented:?}");
    }
    assert_eq!(verified(&[], SEED_BODY, &[SEED_SECRET], NOW).unwrap_err(), Reason::SignatureMissing);
}

#[test]
fn s3_the_signature_is_over_the_bytes_received_however_they_are_written() {
    for body in [
        br#"{ "conversion_value" : 50.00 }"#.as_slice(),
        br#"{"conversion_value":50.00}"#,
        br#"{"user_id":"\u00fc"}"#,
        br#"{"10":1,"2":2}"#,
        b"\xff\xfe not even text",
        b"",
    ] {
        let signature = sign_body(&secret(SEED_SECRET), body);
        assert!(verified(&[("x-webhook-signature", &signature)], body, &[SEED_SECRET], NOW).is_ok());
    }
}

#[test]
fn s4_bytes_that_nobody_signed_do_not_pass() {
    let signature = sign_body(&secret(SEED_SECRET), br#"{"event_type":"conversion","conversion_value":50}"#);
    for body in [
        br#"{"event_type":"click","event_type":"conversion","conversion_value":50}"#.as_slice(),
        br#"{"event_type":"conversion","conversion_value":5.0e1}"#,
        br#"{"event_type":"conversion","conversion_value":50} "#,
        br#"{"event_type": "conversion","conversion_value":50}"#,
    ] {
        let outcome = verified(&[("x-webhook-signature", &signature)], body, &[SEED_SECRET], NOW);
        assert_eq!(outcome.unwrap_err(), Reason::SignatureInvalid);
    }
}

const STANDARD: [(&str, &str, &str, &str, &str); 2] = [
    (
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        "1649367553",
        r#"{"email":"test@example.com","username":"test_user"}"#,
        "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
    ),
    (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
        r#"{"test": 2432232314}"#,
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
];

fn standard(
    key: &str,
    id: &str,
    at: &str,
    body: &str,
    signature: &str,
    now: &str,
) -> Result<Verified, Reason> {
    let headers = [("webhook-id", id), ("webhook-timestamp", at), ("webhook-signature", signature)];
    verified(&headers, body.as_bytes(), &[key], now)
}

#[test]
fn standard_webhooks_hold_the_published_vectors() {
    for (key, id, at, body, signature) in STANDARD {
        let proof = standard(key, id, at, body, signature, at).unwrap();
        assert_eq!((proof.scheme(), proof.message_id()), (Scheme::StandardWebhooks, Some(id)));
        assert_eq!(
            sign_standard(&secret(key), id, Timestamp::parse(at).unwrap(), body.as_bytes()),
            signature
        );
    }
    let (key, id, at, body, signature) = STANDARD[1];
    assert_eq!(
        standard(key, id, at, body, &signature.replace("OE=", "OA="), at).unwrap_err(),
        Reason::SignatureInvalid
    );
}

#[test]
fn standard_signatures_are_a_list_in_which_unknown_versions_are_skipped() {
    let (key, id, at, body, right) = STANDARD[0];
    let wrong = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (signatures, expected) in [
        (format!("{wrong} {right}"), true),
        (format!("v1a,xyz v2,abc {right}"), true),
        (right.trim_end_matches('=').to_owned(), true),
        (wrong.to_owned(), false),
        (right.replacen("v1,", "v2,", 1), false),
        (right.replacen("v1,", "", 1), false),
        ("v1,".to_owned(), false),
        ("v1,%%%".to_owned(), false),
        ("v1,dXE=".to_owned(), false),
    ] {
        let outcome = standard(key, id, at, body, &signatures, at);
        assert_eq!(outcome.is_ok(), expected, "{signatures}");
        assert!(expected || outcome.unwrap_err() == Reason::SignatureInvalid);
    }
}

#[test]
fn s5_an_old_timestamp_is_refused_in_both_directions() {
    let (key, id, at, body, signature) = STANDARD[0];
    let sent: i64 = at.parse().unwrap();
    for (seconds, expected) in
        [(0, true), (300, true), (-300, true), (301, false), (-301, false), (86_400, false)]
    {
        let outcome = standard(key, id, at, body, signature, &(sent + seconds).to_string());
        assert_eq!(outcome.is_ok(), expected, "{seconds}");
        assert!(expected || outcome.unwrap_err() == Reason::SignatureExpired);
    }
    // Another time with the captured signature is not what was signed.
    assert_eq!(standard(key, id, "1649367554", body, signature, at).unwrap_err(), Reason::SignatureInvalid);
}

#[test]
fn standard_timestamps_are_plain_ascii_digits() {
    let (key, id, _, body, _) = STANDARD[0];
    for at in ["+1649367553", " 1649367553", "1649367553.0", "1e9", "-1", "\u{0661}\u{0662}", "999999999999"]
    {
        let signature =
            sign_standard(&secret(key), id, Timestamp::parse("1649367553").unwrap(), body.as_bytes());
        assert_eq!(
            standard(key, id, at, body, &signature, "1649367553").unwrap_err(),
            Reason::SignatureInvalid,
            "{at}"
        );
    }
}

#[test]
fn a_partly_missing_standard_signature_is_missing_and_never_falls_back() {
    let (key, id, at, body, signature) = STANDARD[0];
    let all = [("webhook-id", id), ("webhook-timestamp", at), ("webhook-signature", signature)];
    let weaker = ("x-webhook-signature", sign_body(&secret(key), body.as_bytes()));
    for absent in 0..3 {
        let mut headers: Vec<(&str, &str)> = vec![(weaker.0, &weaker.1)];
        headers
            .extend(all.iter().enumerate().filter(|(place, _)| *place != absent).map(|(_, header)| *header));
        assert_eq!(verified(&headers, body.as_bytes(), &[key], at).unwrap_err(), Reason::SignatureMissing);
    }
}

#[test]
fn s6_two_secrets_are_live_during_rotation_and_an_ended_one_is_not() {
    let now = Timestamp::parse(NOW).unwrap();
    let end = |seconds: i64| Some(Timestamp(now.0 + seconds * 1_000_000));
    let signature = sign_body(&secret("old"), SEED_BODY);
    for (secrets, expected) in [
        (vec![(secret("new"), None), (secret("old"), end(60))], true),
        (vec![(secret("new"), None), (secret("old"), end(0))], false),
        (vec![(secret("new"), None), (secret("old"), end(-60))], false),
        (vec![(secret("whsec_***not base64***"), None), (secret(""), None), (secret("old"), None)], true),
        (vec![], false),
    ] {
        let outcome = verified_with(&[("x-webhook-signature", &signature)], SEED_BODY, &secrets, now);
        assert_eq!(outcome.is_ok(), expected);
    }
}

#[test]
fn s6_an_empty_or_broken_secret_never_matches_and_never_hinders_the_others() {
    let now = Timestamp::parse("1649367553").unwrap();
    let (key, id, at, body, signature) = STANDARD[0];
    let headers = [("webhook-id", id), ("webhook-timestamp", at), ("webhook-signature", signature)];
    let secrets =
        [(secret("whsec_!!!"), None), (secret("whsec_"), None), (secret(""), None), (secret(key), None)];
    assert!(verified_with(&headers, body.as_bytes(), &secrets, now).is_ok());
    assert_eq!(sign_standard(&secret("whsec_"), id, now, body.as_bytes()), "");
    // HMAC under the empty key, which anybody can compute.
    let forged = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
    for empty in ["", "whsec_"] {
        let outcome = verified(&[("x-webhook-signature", forged)], b"", &[empty], NOW);
        assert_eq!(outcome.unwrap_err(), Reason::SignatureInvalid);
    }
}

#[test]
fn bare_secrets_sign_standard_webhooks_with_their_own_bytes() {
    let at = Timestamp::parse(NOW).unwrap();
    let signature = sign_standard(&secret("plain words"), "m1", at, b"{}");
    assert!(standard("plain words", "m1", "1768471200", "{}", &signature, NOW).is_ok());
}

#[test]
fn tokens_are_taken_from_each_usual_place() {
    let basic = "Basic c2hvcDpzM2NyZXQ6eA=="; // shop:s3cret:x
    for (headers, key, expected) in [
        (("authorization", "Bearer s3cret"), "s3cret", Ok(())),
        (("authorization", "bearer s3cret"), "s3cret", Ok(())),
        (("x-api-key", "s3cret"), "s3cret", Ok(())),
        (("authorization", basic), "s3cret:x", Ok(())),
        (("authorization", "Bearer s3cre"), "s3cret", Err(Reason::SignatureInvalid)),
        (("authorization", "Bearer "), "s3cret", Err(Reason::SignatureInvalid)),
        (("authorization", "Basic %%%"), "s3cret", Err(Reason::SignatureInvalid)),
        (("authorization", "Digest s3cret"), "s3cret", Err(Reason::SignatureInvalid)),
        (("x-api-key", ""), "", Err(Reason::SignatureInvalid)),
        (("cookie", "s3cret"), "s3cret", Err(Reason::SignatureMissing)),
    ] {
        let outcome =
            verified(&[headers], b"", &[key], NOW).map(|proof| assert_eq!(proof.scheme(), Scheme::Token));
        assert_eq!(outcome, expected, "{headers:?}");
    }
}

#[test]
fn tokens_among_parameters_are_compared_after_decoding() {
    let now = Timestamp::parse(NOW).unwrap();
    let secrets = [(secret("s3 cret+"), None)];
    for (parameters, expected) in [
        ("click_id=c1&token=s3+cret%2B", Ok(())),
        ("security_token=s3%20cret%2B&amount=1", Ok(())),
        ("api_key=s3+cret%2B&secret=s3+cret%2B", Ok(())),
        ("api_key=s3+cret%2B&secret=wrong", Err(Reason::SignatureInvalid)),
        ("token=", Err(Reason::SignatureMissing)),
        ("click_id=c1", Err(Reason::SignatureMissing)),
        ("", Err(Reason::SignatureMissing)),
    ] {
        let fields = crate::canonical::fields_from_query(parameters).unwrap();
        assert_eq!(verify_parameters(&fields, &secrets, now).map(|_| ()), expected, "{parameters}");
    }
}
