//! The format, its mistakes, and the look-up against a plain search.

use proptest::prelude::*;

use super::*;

fn read(kind: &str, attributes: &str, entries: &str) -> Result<WarningList, BadList> {
    let text = format!(
        "{{\"name\": \"ours\", \"version\": 1, \"description\": \"\",\n\"list\": [\n{entries}\n],\n\
         \"matching_attributes\": [{attributes}], \"type\": \"{kind}\"}}"
    );
    WarningList::read(text.as_bytes(), Class::Protected)
}

fn lists(lists: &[(&str, Class)]) -> WarningLists {
    let read = |(entries, class): &(&str, Class)| {
        let text = format!("{{\"name\": \"{class}\", \"type\": \"cidr\", \"list\": [{entries}]}}");
        Arc::new(WarningList::read(text.as_bytes(), *class).unwrap())
    };
    WarningLists::compile(&lists.iter().map(read).collect::<Vec<_>>())
}

fn ip(text: &str) -> Indicator {
    Indicator::ip(text.parse().unwrap())
}

fn domain(text: &str) -> Indicator {
    Indicator::Domain(text.into())
}

#[test]
fn our_own_lists_are_whole() {
    let lists = WarningList::builtin();
    assert_eq!(lists.len(), BUILTIN.len());
    let compiled = WarningLists::compile(&lists);
    for (address, class) in [
        ("10.1.2.3", Class::Protected),
        ("224.0.0.251", Class::Protected),
        ("2001:db8::1", Class::Protected),
        ("100.127.255.255", Class::CarrierNat),
        ("100.128.0.0", Class::Ordinary),
        ("8.8.8.8", Class::Resolver),
        ("::ffff:8.8.8.8", Class::Resolver),
        ("2620:fe::fe", Class::Resolver),
        ("193.0.14.129", Class::Protected),
        ("8.8.8.7", Class::Ordinary),
        ("192.88.99.7", Class::Ordinary),
        ("2606:4700::1111", Class::Ordinary),
    ] {
        assert_eq!(compiled.class(&ip(address)), class, "{address}");
    }
    assert_eq!(
        compiled.hits(&ip("8.8.8.8"))[0].list,
        "Well-known public resolvers"
    );
}

#[test]
fn the_softest_class_of_nested_lists_holds_and_all_are_named() {
    let lists = lists(&[
        ("\"20.0.0.0/8\", \"2a00::/16\"", Class::Hosting),
        ("\"20.1.0.0/16\", \"20.1.2.3\"", Class::SharedEgress),
        ("\"20.1.2.3/32\"", Class::Protected),
    ]);
    for (address, class, named) in [
        ("20.0.0.0", Class::Hosting, 1),
        ("20.1.0.0", Class::SharedEgress, 2),
        ("20.1.2.3", Class::Protected, 3),
        ("20.1.2.4", Class::SharedEgress, 2),
        ("20.255.255.255", Class::Hosting, 1),
        ("21.0.0.0", Class::Ordinary, 0),
        ("2a00::1", Class::Hosting, 1),
        ("2a01::", Class::Ordinary, 0),
    ] {
        assert_eq!(lists.class(&ip(address)), class, "{address}");
        assert_eq!(lists.hits(&ip(address)).len(), named, "{address}");
    }
    let range = |text: &str| Indicator::Range(text.parse().unwrap());
    assert_eq!(lists.class(&range("20.1.2.0/24")), Class::Protected);
    assert_eq!(lists.class(&range("20.1.3.0/24")), Class::SharedEgress);
    assert_eq!(lists.class(&range("16.0.0.0/4")), Class::Protected);
    assert_eq!(lists.class(&range("21.0.0.0/8")), Class::Ordinary);
}

#[test]
fn the_last_address_of_a_family_has_no_successor_and_is_found() {
    let lists = lists(&[(
        "\"255.255.255.255\", \"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\"",
        Class::Protected,
    )]);
    assert_eq!(lists.class(&ip("255.255.255.255")), Class::Protected);
    assert_eq!(lists.class(&ip("255.255.255.254")), Class::Ordinary);
    assert_eq!(
        lists.class(&ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")),
        Class::Protected
    );
}

#[test]
fn names_hold_for_what_is_below_them_and_texts_for_themselves() {
    let all = [
        read(
            "hostname",
            "\"domain\", \"hostname\"",
            "\"Example.org\", \".example.net\"",
        )
        .unwrap(),
        read("string", "\"domain\"", "\"exact.test\"").unwrap(),
        read("substring", "\"url\"", "\"/ads/\"").unwrap(),
        read("regex", "\"url\"", "\"/^https?:\\\\/\\\\/cdn[0-9]+\\\\./i\"").unwrap(),
        read("string", "", "\"AS64512\"").unwrap(),
    ]
    .map(Arc::new);
    let lists = WarningLists::compile(&all);
    let protected = |subject: &Indicator| lists.class(subject) == Class::Protected;
    assert!(protected(&domain("www.example.org")) && protected(&domain("example.net")));
    assert!(!protected(&domain("badexample.org")) && !protected(&domain("org")));
    assert!(protected(&domain("exact.test")) && !protected(&domain("www.exact.test")));
    assert!(protected(&Indicator::Url(
        "https://user@www.example.org:8443/x?y".into()
    )));
    assert!(protected(&Indicator::Url("https://other.test/ads/1".into())));
    assert!(protected(&Indicator::Url("https://CDN7.other.test".into())));
    assert!(!protected(&Indicator::Url(
        "https://other.test/?example.org".into()
    )));
    assert!(protected(&Indicator::Asn(64_512)) && !protected(&Indicator::Asn(64_513)));
}

#[test]
fn what_a_list_is_not_for_is_passed_over() {
    let mail = read("string", "\"email-dst\"", "\"abuse@example.org\", \"8.8.8.8\"").unwrap();
    assert_eq!(mail.entries(), 0);
    let mixed = read("string", "\"ip-dst|port\"", "\"8.8.8.8\", \"dns.google\"").unwrap();
    assert_eq!(mixed.entries(), 1);
}

#[test]
fn every_mistake_has_its_place() {
    let check = |list: Result<WarningList, BadList>, line: usize, message: &str| {
        let error = list.unwrap_err();
        assert_eq!(error.line, line, "{error}");
        assert!(error.message.starts_with(message), "{error}");
    };
    check(
        read("cidr", "\"ip-src\"", "\"8.8.8.8\",\n\"8.8.8.8/33\""),
        4,
        "\"8.8.8.8/33\" is neither an address nor a network",
    );
    check(read("cidr", "", "\"::/0\""), 3, "::/0 holds every address");
    check(
        read("cidr", "", "17"),
        3,
        "invalid type: integer `17`, expected an entry",
    );
    check(read("cidr", "", "\" \""), 3, "an entry has 1 to 2048 bytes");
    check(
        read("regex", "", "\"(\""),
        3,
        "\"(\" is no pattern that can be used here",
    );
    check(read("cider", "", ""), 5, "unknown variant `cider`");
    check(
        WarningList::read(b"{\n\"name\": \"x\"\n}", Class::Cdn),
        3,
        "missing field `list`",
    );
    check(WarningList::read(b"[", Class::Cdn), 1, "");
    check(
        WarningList::read(b"{\"name\": \"\", \"list\": []}", Class::Cdn),
        1,
        "a list's name",
    );
}

#[test]
fn known_lists_are_what_they_are_and_scanners_are_not_protected() {
    for (directory, class) in [
        ("cloudflare", Class::Cdn),
        ("amazon-aws", Class::Hosting),
        ("censys-scanning", Class::Ordinary),
        ("googlebot", Class::Protected),
    ] {
        assert_eq!(WarningList::usual_class(directory), class);
    }
}

fn nets() -> impl Strategy<Value = Vec<(u32, u8, usize)>> {
    // Few bits, so that networks meet.
    proptest::collection::vec((0_u32..64, 26_u8..=32, 0_usize..8), 0..24)
}

proptest! {
    #[test]
    fn the_search_finds_what_looking_at_every_entry_finds(nets in nets(), asked in 0_u32..80) {
        let address = |bits: u32| std::net::Ipv4Addr::from_bits(0x1400_0000 + bits);
        let all: Vec<_> = nets
            .iter()
            .map(|(bits, length, class)| {
                let net = ipnet::Ipv4Net::new_assert(address(*bits), *length).trunc();
                (net, Class::ALL[*class])
            })
            .collect();
        let read = all.iter().map(|(net, class)| {
            let text = format!("{{\"name\": \"{net}\", \"type\": \"cidr\", \"list\": [\"{net}\"]}}");
            Arc::new(WarningList::read(text.as_bytes(), *class).unwrap())
        });
        let lists = WarningLists::compile(&read.collect::<Vec<_>>());
        let asked = address(asked);
        let holding: Vec<_> = all.iter().filter(|(net, _)| net.contains(&asked)).collect();
        let subject = Indicator::ip(asked.into());
        prop_assert_eq!(
            lists.class(&subject),
            holding.iter().map(|(_, class)| *class).max().unwrap_or_default()
        );
        prop_assert_eq!(lists.hits(&subject).len(), holding.len());
        let around = ipnet::Ipv4Net::new_assert(asked, 29).trunc();
        let touching = all.iter().filter(|(net, _)| net.contains(&around) || around.contains(net));
        prop_assert_eq!(
            lists.class(&Indicator::Range(around.into())),
            touching.map(|(_, class)| *class).max().unwrap_or_default()
        );
    }

    #[test]
    fn rubbish_is_refused_and_never_a_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(WarningList::read(&text, Class::Protected).is_err());
    }
}
