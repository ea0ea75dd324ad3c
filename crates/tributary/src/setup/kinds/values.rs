//! Notations that several kinds share: percentages, amounts, addresses, hosts.

use tributary_domain::money::{Currency, Money};

/// Reads `10%` or `12.5%` into millionths, exactly; more than four decimal places are refused, not rounded.
pub(super) fn percentage(text: &str) -> Result<u32, String> {
    let wrong =
        || format!("`{text}` is not a percentage; write a number from 0 to 100 with `%`, such as \"12.5%\"");
    let number = text.trim().strip_suffix('%').ok_or_else(wrong)?.trim_end();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || !digits(whole) || !digits(fraction) || number.ends_with('.') {
        return Err(wrong());
    }
    if fraction.len() > 4 {
        return Err(format!("`{text}` has more than four decimal places"));
    }
    let ppm: u32 = format!("{whole}{fraction:0<4}").parse().map_err(|_| wrong())?;
    if ppm > 1_000_000 { Err(format!("`{text}` is more than 100%")) } else { Ok(ppm) }
}

/// Writes millionths as the shortest percentage.
pub(super) fn percentage_text(ppm: u32) -> String {
    let (whole, fraction) = (ppm / 10_000, format!("{:04}", ppm % 10_000));
    match fraction.trim_end_matches('0') {
        "" => format!("{whole}%"),
        fraction => format!("{whole}.{fraction}%"),
    }
}

/// Reads `2.50 EUR`.
pub(super) fn amount(text: &str) -> Result<Money, String> {
    let mut words = text.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(number), Some(code), None) => {
            let currency = Currency::parse(code).map_err(|error| error.to_string())?;
            let money = Money::parse(number, currency).map_err(|error| error.to_string())?;
            if money.minor < 0 { Err(format!("`{text}` is less than nothing")) } else { Ok(money) }
        }
        _ => {
            Err(format!("`{text}` is not an amount; write the number and the currency, such as \"2.50 EUR\""))
        }
    }
}

/// Checks an `http` or `https` address and keeps it as written.
pub(super) fn web_address(text: &str) -> Result<String, String> {
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.host_str().is_some() => {
            Ok(text.to_owned())
        }
        _ => Err(format!("`{text}` is not a web address; write it with http:// or https://")),
    }
}

/// Checks a host name, such as `shop.example` or `shop.example:8443`, and folds it to lower case.
pub(super) fn host(text: &str) -> Result<String, String> {
    let place = url::Url::parse(&format!("https://{text}/")).ok().and_then(|url| {
        let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
        Some(format!("{}{port}", url.host_str()?))
    });
    match place {
        Some(place) if place == text.to_lowercase() => Ok(place),
        _ => Err(format!("`{text}` is not a host; write only its name, such as \"shop.example\"")),
    }
}

/// Text of a thing for people: not empty, without control characters.
pub(super) fn label(text: &str) -> Result<String, String> {
    tributary_domain::ids::plain_text("name", text, 200)
        .map(|name| name.to_string())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_exact_or_refused() {
        for (text, ppm, written) in [
            ("10%", 100_000, "10%"),
            ("12.5%", 125_000, "12.5%"),
            ("0.0001%", 1, "0.0001%"),
            ("100%", 1_000_000, "100%"),
            (" 33.3330 %", 333_330, "33.333%"),
            ("0%", 0, "0%"),
        ] {
            assert_eq!(percentage(text), Ok(ppm), "{text}");
            assert_eq!(percentage_text(ppm), written);
        }
        for text in ["10", "10,5%", "-1%", "100.0001%", "0.00001%", "%", "1.%", "ten%", "1e1%"] {
            assert!(percentage(text).is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_name_their_currency() {
        assert_eq!(amount("2.50 EUR").unwrap().to_string(), "2.50 EUR");
        assert_eq!(amount("7 JPY").unwrap().minor, 7);
        for text in ["2.50", "EUR 2.50", "2,50 EUR", "-1 EUR", "1 EUR x", "2.505 EUR", "1 XXX"] {
            assert!(amount(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_are_names_not_addresses() {
        assert_eq!(host("Shop.Example").as_deref(), Ok("shop.example"));
        assert_eq!(host("127.0.0.1").as_deref(), Ok("127.0.0.1"));
        assert_eq!(host("shop.example:8443").as_deref(), Ok("shop.example:8443"));
        for text in ["https://shop.example", "shop.example/x", "shop example", "", "shop.example:x", "a@b"] {
            assert!(host(text).is_err(), "{text}");
        }
        assert!(web_address("javascript:alert(1)").is_err());
        assert!(web_address("/relative").is_err());
    }
}
