//! A captcha from the page to the site: a real browser with a widget that solves itself, a real nginx, the daemon, and a
//! provider of the test's own that judges.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;

use vigie_bouncer_nginx::table::Remediation::Challenge;

use crate::browser;
use crate::scene::{Daemon, Scene, wait_until};
use crate::server::{Ask, Nginx, Reply};

const SITE: &str = r#"
    vigie_challenge_secret secret;
    vigie_captcha turnstile 0x4AAA /widget.js;
    server {
        listen 127.0.0.1:@PORT;
        root @PREFIX/www;
        add_header X-Vigie "$vigie" always;
        location / { }
        location /compute/ { vigie_captcha off; vigie_challenge_bits 4; alias @PREFIX/www/; }
        location = /widget.js { vigie off; }
        location = /.vigie/captcha {
            vigie off;
            proxy_pass http://unix:@PREFIX/../captcha.sock;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-Proto $http_x_test_scheme;
        }
    }
"#;

/// What a provider's script does, but for the picture.
const WIDGET: &str = r#"
    var place = document.querySelector(".cf-turnstile"), field = document.createElement("input");
    field.type = "hidden";
    field.name = "cf-turnstile-response";
    field.value = "good&" + place.dataset.sitekey;
    place.appendChild(field);
    window[place.dataset.callback]();
"#;

/// A provider that takes one answer, and whose address ends with the test.
fn judge() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while stream.read_line(&mut line).unwrap_or(0) > 2 {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut form = vec![0; length];
            stream.read_exact(&mut form).unwrap();
            let verdict = match form.as_slice() {
                b"secret=k3y-with-them&response=good%260x4AAA" => r#"{"success":true,"hostname":"x"}"#,
                b"secret=k3y-with-them&response=odd" => "not JSON",
                // As if our key were not theirs.
                b"secret=k3y-with-them&response=key" => {
                    r#"{"success":false,"error-codes":["invalid-input-secret"]}"#
                }
                _ => r#"{"success":false,"error-codes":["invalid-input-response"]}"#,
            };
            let length = verdict.len();
            let answer =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{verdict}");
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

/// nginx, and the daemon that judges for it. Whom the table challenges is written by hand: nobody may decide on this
/// machine itself.
fn start(test: &str, scene: &Scene, judge: SocketAddr) -> Option<(Nginx, Daemon)> {
    start_with(test, scene, judge, SITE)
}

fn start_with(test: &str, scene: &Scene, judge: SocketAddr, site: &str) -> Option<(Nginx, Daemon)> {
    std::fs::create_dir_all(scene.path("nginx/www")).unwrap();
    std::fs::write(scene.path("nginx/secret"), "a secret of both halves").unwrap();
    std::fs::write(scene.path("nginx/www/widget.js"), WIDGET).unwrap();
    std::fs::write(scene.path("captcha.key"), "k3y-with-them\n").unwrap();
    scene.put_words(&[("127.0.0.1", Challenge), ("192.0.2.1", Challenge)]);
    let nginx = Nginx::start_with(test, scene, site)?;
    let path = |name: &str| scene.path(name).display().to_string();
    let daemon = scene.start(&[
        "--table",
        &path("of-the-daemon"),
        "--captcha",
        "turnstile",
        "--captcha-key-file",
        &path("captcha.key"),
        "--captcha-socket",
        &path("captcha.sock"),
        "--captcha-judge",
        &format!("http://{judge}/siteverify"),
        "--challenge-secret-file",
        &path("nginx/secret"),
    ]);
    wait_until("the daemon", || scene.path("captcha.sock").exists());
    Some((nginx, daemon))
}

fn hand_in(nginx: &Nginx, form: &str, headers: &str) -> Reply {
    nginx.ask(&Ask {
        method: "POST",
        path: "/.vigie/captcha",
        headers: &format!("Content-Length: {}\r\n{headers}", form.len()),
        body: form,
        ..Ask::from("192.0.2.1")
    })
}

#[test]
fn a_browser_solves_a_captcha_and_is_shown_the_site() {
    const TEST: &str = "vigie-bouncer-nginx a_browser_solves_a_captcha_and_is_shown_the_site";
    let scene = Scene::new();
    let Some(chromium) = browser::find(TEST) else {
        return;
    };
    let Some((nginx, _daemon)) = start(TEST, &scene, judge()) else {
        return;
    };
    let budget = ["--virtual-time-budget=60000"];
    let shown = browser::look(&chromium, &scene.path(""), &nginx.url("/?a=b"), &budget);
    assert!(shown.dom.contains("welcome"), "{}\n{}", shown.dom, shown.log);
}

/// Here the mark never arrives, and the widget solves itself each time.
#[test]
fn who_is_asked_again_after_a_captcha_is_told_so_instead_of_going_round_for_ever() {
    const TEST: &str =
        "vigie-bouncer-nginx who_is_asked_again_after_a_captcha_is_told_so_instead_of_going_round_for_ever";
    let scene = Scene::new();
    let Some(chromium) = browser::find(TEST) else {
        return;
    };
    let site = SITE.replace("vigie off;", "vigie off; proxy_hide_header Set-Cookie;");
    let Some((nginx, _daemon)) = start_with(TEST, &scene, judge(), &site) else {
        return;
    };
    let budget = ["--virtual-time-budget=60000"];
    let shown = browser::look(&chromium, &scene.path(""), &nginx.url("/"), &budget);
    assert!(
        shown.dom.contains("is asked again"),
        "{}\n{}",
        shown.dom,
        shown.log
    );
}

#[test]
fn only_what_the_provider_takes_lets_a_client_in() {
    let scene = Scene::new();
    let Some((nginx, daemon)) = start("only_what_the_provider_takes_lets_a_client_in", &scene, judge())
    else {
        return;
    };
    let page = nginx.ask(&Ask::from("192.0.2.1"));
    assert_eq!(page.status, 403);
    assert!(page.body.contains("data-sitekey=\"0x4AAA\""), "{}", page.body);
    let good = "cf-turnstile-response=good%260x4AAA&to=%2F%3Fa%3Db";
    let solved = hand_in(&nginx, good, "");
    assert_eq!((solved.status, solved.header("location")), (303, "/?a=b"));
    // Who came for more than nginx takes from us is let in all the same.
    let far = hand_in(&nginx, &format!("{good}{}", "a".repeat(6_000)), "");
    assert_eq!((far.status, far.header("location")), (303, "/"));
    let cookie = solved.header("set-cookie");
    assert!(
        cookie.contains("; HttpOnly; SameSite=Lax") && !cookie.contains("Secure"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap();
    let with = |client: &str, cookie: &str| {
        let headers = format!("Cookie: {cookie}\r\n");
        nginx
            .ask(&Ask {
                headers: &headers,
                ..Ask::from(client)
            })
            .status
    };
    assert_eq!(with("192.0.2.1", cookie), 200);
    assert_eq!(with("127.0.0.1", cookie), 403);
    assert_eq!(with("192.0.2.1", &cookie.replace('-', "-0")), 403);
    // Where work is asked for a captcha is none.
    let headers = format!("Cookie: {cookie}\r\n");
    let work = nginx.ask(&Ask {
        path: "/compute/",
        headers: &headers,
        ..Ask::from("192.0.2.1")
    });
    assert!(
        work.status == 403 && work.body.contains("data-bits=\"4\""),
        "{}",
        work.body
    );
    let https = hand_in(&nginx, good, "X-Test-Scheme: https\r\n");
    let cookie = https.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-vigie_pass4=") && cookie.ends_with("; SameSite=None; Secure"),
        "{cookie}"
    );
    assert_eq!(with("192.0.2.1", cookie.split(';').next().unwrap()), 200);

    for (form, status) in [
        ("cf-turnstile-response=bad&to=%2F", 303),
        ("h-captcha-response=good%260x4AAA&to=%2F", 303),
        ("", 303),
        ("cf-turnstile-response=odd", 503),
        ("cf-turnstile-response=key", 503),
        (&"x".repeat(20_000), 413),
    ] {
        let reply = hand_in(&nginx, form, "");
        assert_eq!(
            (reply.status, reply.header("set-cookie")),
            (status, ""),
            "{form:.40}"
        );
    }
    let log = crate::scene::read(&scene.path("log"));
    assert!(log.contains("the provider says invalid-input-secret"), "{log}");
    // A client has as many cookies as nginx takes.
    let cookies = format!("Cookie: a={}\r\n", "x".repeat(7_000)).repeat(4);
    assert_eq!(hand_in(&nginx, good, &cookies).status, 303);
    // Those who say nothing are let go, and whoever comes after them is heard.
    let connect = || UnixStream::connect(scene.path("captcha.sock")).unwrap();
    let _silent: Vec<_> = (0..200).map(|_| connect()).collect();
    assert_eq!(hand_in(&nginx, good, "").status, 303);
    // Whoever stops in the midst of a request does not keep the daemon from ending.
    let mut halting = connect();
    halting.write_all(b"POST /.vigie/captcha HTTP/1.1\r\nHo").unwrap();
    // Away is away: nobody is let in, and the page says so.
    assert!(daemon.terminate().success());
    assert_eq!(hand_in(&nginx, good, "").status, 502);
}

#[test]
fn a_provider_that_is_away_is_told_of_without_the_key() {
    let scene = Scene::new();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let test = "a_provider_that_is_away_is_told_of_without_the_key";
    let Some((nginx, _daemon)) = start(test, &scene, nobody) else {
        return;
    };
    let reply = hand_in(&nginx, "cf-turnstile-response=good", "");
    assert_eq!((reply.status, reply.header("retry-after")), (503, "10"));
    // It is not asked about no answer at all.
    assert_eq!(hand_in(&nginx, "to=%2F", "").status, 303);
    let log = crate::scene::read(&scene.path("log"));
    assert!(log.contains("a captcha could not be judged"), "{log}");
    assert!(!log.contains("k3y-with-them"), "{log}");
}
