//! What a browser makes of the page with the work, where more stands between it and nginx than a wire.

use std::path::{Path, PathBuf};

use vigie_bouncer_nginx::table::Remediation::Challenge;

use crate::browser::{self, Shown};
use crate::scene::Scene;
use crate::server::{Nginx, free_port};

/// A browser and an nginx that challenges it. `site`: with `@MORE` where another port belongs.
fn meet(test: &str, scene: &Scene, site: &str) -> Option<(Nginx, PathBuf, u16)> {
    scene.put_words(&[("127.0.0.1", Challenge)]);
    let more = free_port();
    let site = site.replace("@MORE", &more.to_string());
    Some((Nginx::start_with(test, scene, &site)?, browser::find(test)?, more))
}

fn look(chromium: &Path, scene: &Scene, url: &str) -> Shown {
    let more = ["--virtual-time-budget=60000", "--ignore-certificate-errors"];
    browser::look(chromium, &scene.path(""), url, &more)
}

#[test]
fn by_https_the_cookie_has_a_name_that_nobody_takes_by_http() {
    const TEST: &str = "vigie-bouncer-nginx by_https_the_cookie_has_a_name_that_nobody_takes_by_http";
    let scene = Scene::new();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(scene.path("cert"), made.cert.pem()).unwrap();
    std::fs::write(scene.path("cert.key"), made.key_pair.serialize_pem()).unwrap();
    let site = format!(
        r#"
    vigie_challenge_bits 10;
    log_format cookies "$http_cookie";
    server {{
        listen 127.0.0.1:@PORT;
        listen 127.0.0.1:@MORE ssl http2;
        ssl_certificate {cert}; ssl_certificate_key {cert}.key;
        access_log @PREFIX/cookies cookies;
        root @PREFIX/www;
    }}
"#,
        cert = scene.path("cert").display()
    );
    let Some((_nginx, chromium, more)) = meet(TEST, &scene, &site) else {
        return;
    };
    let shown = look(&chromium, &scene, &format!("https://localhost:{more}/"));
    assert!(shown.dom.contains("welcome"), "{}\n{}", shown.dom, shown.log);
    let cookies = std::fs::read_to_string(scene.path("nginx/cookies")).unwrap();
    assert!(cookies.contains("__Host-vigie"), "{cookies}");
}

/// Here the cookie never arrives; elsewhere the address is another one each time.
#[test]
fn who_is_asked_again_after_the_work_is_told_so_instead_of_going_round_for_ever() {
    const TEST: &str =
        "vigie-bouncer-nginx who_is_asked_again_after_the_work_is_told_so_instead_of_going_round_for_ever";
    let scene = Scene::new();
    let site = r#"
    vigie_challenge_bits 10;
    server {
        listen 127.0.0.1:@PORT;
        vigie off;
        location / { proxy_pass http://127.0.0.1:@MORE; proxy_set_header Cookie ""; }
        location = /metrics { vigie_metrics; }
    }
    server { listen 127.0.0.1:@MORE; root @PREFIX/www; }
"#;
    let Some((nginx, chromium, _)) = meet(TEST, &scene, site) else {
        return;
    };
    let shown = look(&chromium, &scene, &nginx.url("/"));
    assert!(
        shown.dom.contains("is asked again"),
        "{}\n{}",
        shown.dom,
        shown.log
    );
    let asked = nginx.requests("challenge", "asked");
    // Four pages, and as often perhaps the icon beside it.
    assert!((4..=8).contains(&asked), "{asked}");
}
