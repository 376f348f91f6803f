//! What is less than a ban: challenges, which a real browser solves, and throttling by nginx's own limits. And what
//! happens where there is no table, and what is counted.

use vigie_bouncer_nginx::table::Remediation::{Ban, Challenge, Pass, Throttle};

use crate::browser;
use crate::scene::{Scene, wait_until};
use crate::server::{Ask, Nginx};

/// Easy, and with one of each kind.
const SITE: &str = r#"
    vigie_challenge_bits 10;
    limit_req_zone $vigie_throttle zone=vigie:1m rate=1r/m;
    limit_req_status 429;
    server {
        listen 127.0.0.1:@PORT;
        root @PREFIX/www;
        add_header X-Vigie "$vigie" always;
        add_header X-Origin "$vigie_origin" always;
        location / { limit_req zone=vigie burst=2 nodelay; }
        location /ours/ { vigie_challenge_page ours.html; alias @PREFIX/www/; }
        location /open/ { vigie off; limit_req zone=vigie; alias @PREFIX/www/; }
        location = /metrics { vigie off; vigie_metrics; }
        location /behind/ { rewrite ^ /index.html last; }
        location /first/ { vigie off; limit_req zone=vigie; try_files /nowhere @then; }
        location @then { limit_req zone=vigie; root @PREFIX/www; try_files /index.html =404; }
        location /lost/ { error_page 404 =200 /; }
    }
"#;

fn start(test: &str, scene: &Scene) -> Option<Nginx> {
    start_with(test, scene, SITE)
}

fn start_with(test: &str, scene: &Scene, site: &str) -> Option<Nginx> {
    std::fs::create_dir_all(scene.path("nginx")).unwrap();
    std::fs::write(scene.path("nginx/ours.html"), "<title>Ours</title><!--vigie-->").unwrap();
    Nginx::start_with(test, scene, site)
}

/// What stands behind `data-<name>=` in a page.
fn data(page: &str, name: &str) -> String {
    let (_, behind) = page.split_once(&format!("data-{name}=\"")).unwrap();
    behind.split('"').next().unwrap().to_owned()
}

/// The cookie of whoever works as the page says.
pub(crate) fn work(page: &str) -> String {
    let (seed, bits) = (data(page, "seed"), data(page, "bits").parse::<u32>().unwrap());
    let solves = |number: &u64| {
        let hash = <sha2::Sha256 as sha2::Digest>::digest(format!("{seed}:{number}"));
        u32::from_be_bytes(hash[..4].try_into().unwrap()).leading_zeros() >= bits
    };
    let number = (0..1 << 40).find(solves).unwrap();
    format!("{}={}-{number}", data(page, "cookie"), data(page, "window"))
}

#[test]
fn a_challenged_client_is_let_in_once_it_has_worked() {
    let scene = Scene::new();
    scene.put_words(&[
        ("192.0.2.1", Challenge),
        ("192.0.2.3", Challenge),
        ("2001:db8::1", Challenge),
    ]);
    let Some(nginx) = start("a_challenged_client_is_let_in_once_it_has_worked", &scene) else {
        return;
    };
    let page = nginx.ask(&Ask::from("192.0.2.1"));
    assert_eq!((page.status, page.word.as_str()), (403, "challenge"));
    assert!(page.body.contains("<title>One moment</title>"), "{}", page.body);
    assert!(page.head.contains("Cache-Control: no-store"), "{}", page.head);
    assert!(
        page.head.contains("Content-Type: text/html; charset=utf-8"),
        "{}",
        page.head
    );
    let cookie = work(&page.body);
    let with = |client: &str, cookie: &str| {
        nginx.ask(&Ask {
            headers: &format!("Cookie: a=b; {cookie}\r\n"),
            ..Ask::from(client)
        })
    };
    let shown = with("192.0.2.1", &cookie);
    assert_eq!((shown.status, shown.body.as_str()), (200, "welcome\n"));
    // His alone, as it is, and below every path.
    assert_eq!(with("192.0.2.3", &cookie).status, 403);
    assert_eq!(with("192.0.2.1", &format!("{cookie}0")).status, 403);
    assert_eq!(with("192.0.2.1", &cookie.replace("4=", "6=")).status, 403);
    assert_eq!(nginx.get("192.0.2.2", "/").0, 200);
    let v6 = nginx.ask(&Ask::from("2001:db8::1"));
    assert_eq!(with("2001:db8::1", &work(&v6.body)).status, 200);
    // The page of this place, and nothing of it for who wants no page.
    let ours = nginx.ask(&Ask {
        path: "/ours/",
        ..Ask::from("192.0.2.1")
    });
    assert!(
        ours.body.starts_with("<title>Ours</title><script data-seed="),
        "{}",
        ours.body
    );
    let head = nginx.ask(&Ask {
        method: "HEAD",
        ..Ask::from("192.0.2.1")
    });
    assert_eq!((head.status, head.body.as_str()), (403, ""));
    let post = nginx.ask(&Ask {
        method: "POST",
        headers: "Content-Length: 0\r\n",
        ..Ask::from("192.0.2.1")
    });
    assert_eq!(post.status, 403);
    assert!(!post.body.contains("data-seed"), "{}", post.body);
    // A reload asks nobody again.
    nginx.reload();
    assert_eq!(with("192.0.2.1", &cookie).status, 200);
}

#[test]
fn many_cookies_cost_little_and_the_connection_stays() {
    let scene = Scene::new();
    scene.put_words(&[("192.0.2.1", Challenge)]);
    let Some(nginx) = start("many_cookies_cost_little_and_the_connection_stays", &scene) else {
        return;
    };
    let page = nginx.ask(&Ask::from("192.0.2.1"));
    let cookie = work(&page.body);
    let with = |cookies: &str| {
        nginx.ask(&Ask {
            headers: &format!("Cookie: {cookies}\r\n"),
            ..Ask::from("192.0.2.1")
        })
    };
    assert_eq!(with(&format!("vigie_pass4=x; vigie_pass4; {cookie}")).status, 200);
    assert_eq!(
        with(&format!("{} {cookie}", "vigie_pass4=1-1;".repeat(4))).status,
        403
    );
    // What a site beside ours has planted hides nothing that came by https.
    assert_eq!(
        with(&format!("{} __Host-{cookie}", "vigie_pass4=1-1;".repeat(4))).status,
        200
    );
    // A body that nobody reads is thrown away, and the next request is read from where it ends.
    let mut line = nginx.connect();
    for _ in 0..3 {
        let body = "GET / HTTP/1.1\r\n\r\n".repeat(50);
        let sent = Ask {
            method: "GET",
            headers: &format!("Content-Length: {}\r\n", body.len()),
            body: &body,
            ..Ask::from("192.0.2.1")
        };
        assert_eq!(sent.over(&mut line).unwrap().status, 403);
    }
}

#[test]
fn a_browser_works_and_is_shown_the_site() {
    const TEST: &str = "vigie-bouncer-nginx a_browser_works_and_is_shown_the_site";
    let scene = Scene::new();
    scene.put_words(&[("127.0.0.1", Challenge)]);
    let (Some(nginx), Some(chromium)) = (start(TEST, &scene), browser::find(TEST)) else {
        return;
    };
    let budget = ["--virtual-time-budget=60000"];
    let shown = browser::look(&chromium, &scene.path(""), &nginx.url("/"), &budget);
    assert!(shown.dom.contains("welcome"), "{}\n{}", shown.dom, shown.log);
    let count = |became: &str| nginx.requests("challenge", became);
    // Asked for the page, and perhaps for its icon beside it; then let in.
    assert!((1..=2).contains(&count("asked")) && count("admitted") >= 1);
}

#[test]
fn a_throttled_client_is_limited_by_nginx_and_nobody_else_is() {
    let scene = Scene::new();
    scene.put_words(&[
        ("192.0.2.1", Throttle),
        ("2001:db8::/64", Throttle),
        ("192.0.2.9", Pass),
    ]);
    let Some(nginx) = start(
        "a_throttled_client_is_limited_by_nginx_and_nobody_else_is",
        &scene,
    ) else {
        return;
    };
    let statuses =
        |clients: &[&str]| -> Vec<u16> { clients.iter().map(|client| nginx.status(client)).collect() };
    assert_eq!(statuses(&["192.0.2.1"; 5]), [200, 200, 200, 429, 429]);
    assert_eq!(statuses(&["192.0.2.2"; 5]), [200; 5]);
    assert_eq!(statuses(&["192.0.2.9"; 5]), [200; 5]);
    // A /64 is one client.
    let all = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"];
    assert_eq!(statuses(&all), [200, 200, 200, 429]);
    // Not where vigie is off.
    for _ in 0..3 {
        assert_eq!(nginx.get("192.0.2.1", "/open/"), (200, "throttle".to_owned()));
    }
}

#[test]
fn to_work_is_no_way_out_of_a_limit_nor_is_a_redirect() {
    let scene = Scene::new();
    scene.put_words(&[
        ("192.0.2.0/24", Challenge),
        ("192.0.2.1", Throttle),
        ("198.51.100.1", Throttle),
    ]);
    let Some(nginx) = start("to_work_is_no_way_out_of_a_limit_nor_is_a_redirect", &scene) else {
        return;
    };
    // Under the limit as soon as it is there, before and behind the work.
    let page = nginx.ask(&Ask::from("192.0.2.1"));
    let headers = format!("Cookie: {}\r\n", work(&page.body));
    let again = || {
        nginx
            .ask(&Ask {
                headers: &headers,
                ..Ask::from("192.0.2.1")
            })
            .status
    };
    assert_eq!([again(), again(), again(), again()], [200, 200, 429, 429]);
    // From a place without Vigie to one with it, and its limit.
    let through = || nginx.get("198.51.100.1", "/first/").0;
    assert_eq!([through(), through(), through()], [200, 429, 429]);
}

#[test]
fn the_page_is_what_it_is_wherever_nginx_comes_from() {
    let scene = Scene::new();
    scene.put_words(&[("192.0.2.1", Challenge), ("192.0.2.2", Ban)]);
    let Some(nginx) = start("the_page_is_what_it_is_wherever_nginx_comes_from", &scene) else {
        return;
    };
    for path in ["/behind/", "/lost/x", "/"] {
        let page = nginx.ask(&Ask {
            path,
            ..Ask::from("192.0.2.1")
        });
        assert_eq!(page.status, 403, "{path}");
        assert!(page.body.contains("data-seed"), "{path}: {}", page.body);
        assert_eq!(nginx.get("192.0.2.2", path).0, 403, "{path}");
    }
    // Each once, however often nginx turned it round.
    for (word, became) in [("challenge", "asked"), ("ban", "refused")] {
        assert_eq!(nginx.requests(word, became), 3, "{word}");
    }
}

#[test]
fn a_large_page_reaches_who_reads_late() {
    let scene = Scene::new();
    scene.put_words(&[("192.0.2.1", Challenge)]);
    std::fs::create_dir_all(scene.path("nginx")).unwrap();
    let page = format!("{}<!--vigie-->", "x".repeat(60_000));
    std::fs::write(scene.path("nginx/ours.html"), page).unwrap();
    let Some(nginx) = Nginx::start_with("a_large_page_reaches_who_reads_late", &scene, SITE) else {
        return;
    };
    let ask = Ask {
        path: "/ours/",
        ..Ask::from("192.0.2.1")
    };
    let mut lines: Vec<_> = (0..4).map(|_| nginx.connect()).collect();
    for line in &mut lines {
        // Far more than a socket holds, before the first is read.
        for _ in 0..200 {
            ask.send(line).unwrap();
        }
    }
    for line in &mut lines {
        for number in 0..200 {
            let page = ask.receive(line).unwrap();
            assert!(
                page.status == 403 && page.body.len() > 60_000,
                "{number}: {}",
                page.status
            );
        }
    }
}

#[test]
fn closed_means_nobody_without_a_table() {
    let scene = Scene::new();
    let site = format!("vigie_fail closed; {SITE}");
    let Some(nginx) = start_with("closed_means_nobody_without_a_table", &scene, &site) else {
        return;
    };
    assert_eq!(nginx.status("192.0.2.1"), 503);
    assert_eq!(nginx.get("192.0.2.1", "/open/").0, 200);
    let blind = r#"vigie_requests_total{remediation="none",outcome="refused"}"#;
    assert_eq!(nginx.metric(blind), 1);
    scene.put_words(&[("192.0.2.2", Ban)]);
    wait_until("the first table", || nginx.status("192.0.2.1") == 200);
    assert_eq!(nginx.status("192.0.2.2"), 403);
    // A table that is gone is still in use.
    std::fs::remove_file(scene.table()).unwrap();
    let path = scene.table().display().to_string();
    // Though nobody else asks for anything.
    let usable = format!("vigie_table_usable{{table=\"{path}\"}}");
    wait_until("the loss", || nginx.metric(&usable) == 0);
    assert_eq!(nginx.status("192.0.2.1"), 200);
    // Until nginx reads its configuration anew, and there is none.
    nginx.reload();
    assert_eq!(nginx.status("192.0.2.1"), 503);
}

#[test]
fn what_the_table_names_is_counted_over_a_reload() {
    let scene = Scene::new();
    scene.put_words(&[
        ("192.0.2.1", Ban),
        ("192.0.2.2", Challenge),
        ("192.0.2.3", Throttle),
        ("192.0.2.4", Pass),
    ]);
    let Some(nginx) = start("what_the_table_names_is_counted_over_a_reload", &scene) else {
        return;
    };
    let counts = || {
        [
            ("ban", "refused"),
            ("challenge", "asked"),
            ("throttle", "admitted"),
            ("pass", "admitted"),
        ]
        .map(|(word, became)| nginx.requests(word, became))
    };
    assert_eq!(counts(), [0; 4]);
    for (client, times) in [
        ("192.0.2.1", 4),
        ("192.0.2.2", 3),
        ("192.0.2.3", 2),
        ("192.0.2.4", 1),
        ("192.0.2.5", 9),
    ] {
        (0..times).for_each(|_| drop(nginx.get(client, "/")));
    }
    assert_eq!(counts(), [4, 3, 2, 1]);
    nginx.reload();
    assert_eq!(counts(), [4, 3, 2, 1]);
    let origin = |client| nginx.ask(&Ask::from(client)).header("x-origin").to_owned();
    let origins = ["192.0.2.1", "192.0.2.2", "192.0.2.4", "192.0.2.5"].map(origin);
    assert_eq!(origins, ["mesh", "mesh", "", ""]);
    let bans = |origin| nginx.requests_of("ban", "refused", origin);
    assert_eq!((bans("mesh"), bans("sensor")), (5, 0));
    let path = scene.table().display().to_string();
    assert_eq!(nginx.metric(&format!("vigie_table_rows{{table=\"{path}\"}}")), 4);
    assert_eq!(
        nginx.metric(&format!("vigie_table_usable{{table=\"{path}\"}}")),
        1
    );
}
