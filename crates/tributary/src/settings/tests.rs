//! The rules of the layers as tables.

use super::*;

fn file(text: &str) -> Layers {
    Layers { file: Some(("tributary.toml".into(), text.to_owned())), ..Layers::default() }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn refusal(layers: &Layers) -> String {
    load(layers).unwrap_err().to_string()
}

#[test]
fn the_file_of_defaults_says_what_the_code_does() {
    let (settings, effective) = load(&Layers::default()).unwrap();
    assert_eq!(settings, Settings::default());
    assert!(effective.iter().all(|value| value.origin == Origin::Default));
}

#[test]
fn later_layers_win() {
    let layers = Layers {
        environment: pairs(&[
            ("TRIBUTARY_LIMITS_BODY_BYTES", "2_000"),
            ("TRIBUTARY_LISTEN", "0.0.0.0:2"),
            ("PATH", "x"),
        ]),
        flags: pairs(&[("listen", "0.0.0.0:3"), ("roles", "edge, engine,edge")]),
        ..file("listen = '0.0.0.0:1'\n[limits]\nbody_bytes = 1000\n[engine]\nbatch_events = 7")
    };
    let (settings, effective) = load(&layers).unwrap();
    assert_eq!(settings.listen.port(), 3);
    assert_eq!(settings.roles, [Role::Edge, Role::Engine]);
    assert_eq!(settings.limits, Limits { body_bytes: 2000, ..Limits::default() });
    assert_eq!(settings.engine, EngineSettings { batch_events: 7, ..EngineSettings::default() });
    let origin = |key: &str| effective.iter().find(|value| value.key == key).unwrap().origin.to_string();
    assert_eq!(origin("listen"), "flag");
    assert_eq!(origin("limits.body_bytes"), "TRIBUTARY_LIMITS_BODY_BYTES");
    assert_eq!(origin("engine.batch_events"), "tributary.toml");
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_valid_name() {
    for (text, key, close) in [
        ("lisen = ''", "lisen", "listen"),
        ("[limits]\nbody_byte = 1", "limits.body_byte", "limits.body_bytes"),
        ("[limit]\nbody_bytes = 1", "limit.body_bytes", "limits.body_bytes"),
        ("[engin]", "engin", "listen"),
    ] {
        let message = refusal(&file(text));
        assert!(message.contains(&format!("unknown setting `{key}`")), "{message}");
        assert!(message.starts_with("tributary.toml: "), "{message}");
        assert!(close == "listen" || message.ends_with(&format!("`{close}`")), "{message}");
    }
    let environment = Layers { environment: pairs(&[("TRIBUTARY_DATABSE_URL", "x")]), ..Layers::default() };
    assert!(refusal(&environment).contains("`TRIBUTARY_DATABASE_URL`"));
    let flag = Layers { flags: pairs(&[("engine.batch", "x")]), ..Layers::default() };
    assert!(refusal(&flag).contains("`engine.batch_events`"));
}

#[test]
fn values_that_cannot_be_used_name_their_key_and_origin() {
    for (text, expected) in [
        ("listen = 8080", "`listen`: expected a text in quotes, found a whole number"),
        ("listen = 'nowhere'", "`listen`: expected an address and a port"),
        ("data_dir = ''", "`data_dir`: must not be empty"),
        ("roles = ['egde']", "`roles`: `egde` is not a role; the nearest valid name is `edge`"),
        ("roles = []", "`roles`: name at least one role"),
        ("database_url = 'mysql://x'", "`mysql://` is not supported"),
        ("log_url = 'nats://x'", "comes with the Scale release"),
        ("[limits]\nbody_bytes = 0", "expected a number above zero, found 0"),
        ("[limits]\nbody_bytes = -1", "expected a number above zero, found -1"),
        ("[log]\nformat = 'xml'", "is not a format"),
        ("[log]\nlevel = 'a=b=c'", "`log.level`"),
        ("listen = ", "tributary.toml: "),
    ] {
        let message = refusal(&file(text));
        assert!(message.contains(expected), "{message}");
    }
    let environment =
        Layers { environment: pairs(&[("TRIBUTARY_LIMITS_URL_BYTES", "many")]), ..Layers::default() };
    assert_eq!(
        refusal(&environment),
        "TRIBUTARY_LIMITS_URL_BYTES: `limits.url_bytes`: expected a whole number, found `many`"
    );
}

#[test]
fn passwords_are_never_shown() {
    let (settings, effective) = load(&file("database_url = 'postgres://me:hush@db:5432/shop'")).unwrap();
    let shown = format!("{settings:?} {effective:?}");
    assert!(!shown.contains("hush"), "{shown}");
    assert!(shown.contains("postgres://db:5432/shop"));
    assert_eq!(settings.database_url.unwrap().as_str(), "postgres://me:hush@db:5432/shop");
    let (settings, effective) = load(&file("[api]\nread_token = 'hush-hush-hush-hush'")).unwrap();
    let shown = format!("{settings:?} {effective:?}");
    assert!(!shown.contains("hush"), "{shown}");
    assert_eq!(settings.api.read_token.unwrap().as_str(), "hush-hush-hush-hush");
    let short = refusal(&file("[api]\nread_token = 'hush'"));
    assert!(short.contains("at least 16 characters") && !short.contains("hush"), "{short}");
}
