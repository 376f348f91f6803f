use proptest::prelude::*;

use super::*;

fn library() -> Library {
    let mut library = Library::builtin();
    library.add("INNER", "%{INT:a}-%{INT:b}");
    library
}

/// What a pattern captures, as `field=value`, or why it does not.
fn parse(pattern: &str, text: &str) -> String {
    let grok = match library().compile(pattern) {
        Ok(grok) => grok,
        Err(error) => return error.to_string(),
    };
    let Some(fields) = grok.parse(text) else {
        return "no match".to_owned();
    };
    fields
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn fields() {
    let cases = [
        ("%{WORD:verb} %{NUMBER:n}", "x GET 1.5 y", "verb=GET n=1.5"),
        ("%{INNER}", "1-2", "a=1 b=2"),
        ("%{INNER:both}", "1-2", "both=1-2 a=1 b=2"),
        // What the pattern itself names hides what inner patterns call so.
        ("%{INNER} %{WORD:a}", "1-2 z", "b=2 a=z"),
        // The last of two wins, even where the first took part.
        ("(?:%{INT:n}|%{WORD:n})", "12", "n="),
        // A group that took no part is empty.
        ("(%{INT:n} )?%{WORD:w}", "abc", "n= w=abc"),
        // Plain groups and names of the regular expression's own are not fields.
        ("(a)(?P<own>b)%{INT:n}", "ab3", "n=3"),
        // Parentheses that capture nothing, whatever they look like, shift no field.
        ("(errors) (%{INT:n}) %{WORD:w}", "errors 12 x", "n=12 w=x"),
        ("[(]%{INT:n}(?:-|s) %{WORD:w}", "(12- x", "n=12 w=x"),
        (r"\(%{INT:n}\) (?:a|b) (?i:C) %{WORD:w}", "(12) a c d", "n=12 w=d"),
        // Neither types nor dashes: this stands for itself.
        ("%{INT:a:int}%{INT:b}", "%{INT:a:int}7", "b=7"),
        ("%{INT:a-b}%{INT:b}", "%{INT:a-b}7", "b=7"),
        // No field, no match.
        ("%{INT}", "12", "no match"),
        ("a%{NOPE:x}", "", "there is no pattern \"NOPE\""),
        ("a(%{INT:x}", "", "bad pattern: unclosed group"),
    ];
    for (pattern, text, expected) in cases {
        assert_eq!(parse(pattern, text), expected, "{pattern}");
    }
}

#[test]
fn the_differences_between_re2_and_regex() {
    let cases = [
        (r"a{", r"a\{"),
        (r"a{1,2}b{x}{", r"a{1,2}b\{x}\{"),
        (r"{3}", r"\{3}"),
        (r"\d\w\s\b", r"[0-9][0-9A-Za-z_][\t\n\x0C\r ](?-u:\b)"),
        (r"[\d\S[&&~#-]", r"[0-9[^\t\n\x0C\r ]\[\&\&\~\#-]"),
        (r"[]a]", r"[\]a]"),
        (r"[^]a]", r"[^\]a]"),
        (r"[[:alpha:]_]", r"[[:alpha:]_]"),
        (r"(?i)(a)(?P<n>b)(?:c)", r"(?i)(?:a)(?:b)(?:c)"),
        (r"\<\>\/\_\Qa.b\E", r"<>/_a\.b"),
        (r"\x{41}\pL\p{Greek}", r"\x{41}\pL\p{Greek}"),
    ];
    for (re2, expected) in cases {
        assert_eq!(re2::translate(re2), expected, "{re2}");
        re2::compile(re2).unwrap_or_else(|error| panic!("{re2}: {error}"));
    }
    assert!(!re2::compile(r"^\w$").unwrap().is_match("é"));
    assert!(re2::compile(r"^.$").unwrap().is_match("é"));
}

#[test]
fn bombs_are_refused() {
    let mut library = Library::default();
    library.add("SELF", "%{SELF}");
    assert!(matches!(library.named("SELF"), Err(GrokError::Deep(_))));
    library.add("X0", "aaaaaaaaaa");
    for level in 1..20 {
        library.add(&format!("X{level}"), &format!("%{{X{}}}", level - 1).repeat(10));
    }
    assert_eq!(library.named("X19").unwrap_err(), GrokError::Long);
    assert!(matches!(
        library.compile("(a{1000}){1000}{1000}%{X0:x}"),
        Err(GrokError::Regex(_))
    ));
}

#[test]
fn every_pattern_of_ours_compiles() {
    let library = Library::builtin();
    let mut names: Vec<&str> = library.names().collect();
    names.sort_unstable();
    for name in &names {
        library
            .named(name)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    println!("{} named patterns", names.len());
}

#[test]
fn addresses() {
    let library = Library::builtin();
    let ip = library.compile("^%{IP:ip}$").unwrap();
    for text in [
        "1.2.3.4",
        "255.255.255.255",
        "::",
        "::1",
        "2001:db8::7",
        "1:2:3:4:5:6:7:8",
        "::ffff:1.2.3.4",
        "64:ff9b::1.2.3.4",
        "fe80::1%eth0",
        "1::",
        "1:2::7:8",
        "1:2:3:4:5:6:1.2.3.4",
    ] {
        assert!(ip.parse(text).is_some(), "{text}");
    }
    for text in ["", "1.2.3", "256.1.1.1", "1:2", ":", "g::", "1.2.3.4.5"] {
        assert!(ip.parse(text).is_none(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_pattern_compiles_or_is_an_error(pattern in "[\\[\\](){}^$|?*+.\\\\a-z%:&~#-]{0,30}", text in "\\PC{0,20}") {
        parse(&pattern, &text);
    }

    #[test]
    fn every_address_is_one(bits in any::<u128>(), v4 in any::<u32>()) {
        let ip = Library::builtin().compile("^%{IP:ip}$").unwrap();
        for text in [std::net::Ipv6Addr::from(bits).to_string(), std::net::Ipv4Addr::from(v4).to_string()] {
            prop_assert!(ip.parse(&text).is_some(), "{}", text);
        }
    }
}
