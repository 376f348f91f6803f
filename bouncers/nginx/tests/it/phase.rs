//! What else stands in nginx's access phase, or comes from it: passwords, `allow` and `deny`, `auth_request`, the
//! preflights of other sites' scripts, and pages of the administrator's own for those who are refused.

use vigie_bouncer_nginx::table::Remediation::{Ban, Challenge};

use crate::rungs::work;
use crate::scene::Scene;
use crate::server::{Ask, Nginx, Reply, free_port};

const CLEAN: &str = "192.0.2.9";
const BANNED: &str = "192.0.2.1";
const CHALLENGED: &str = "192.0.2.2";
/// user:secret
const PASSWORD: &str = "Authorization: Basic dXNlcjpzZWNyZXQ=\r\n";

/// An nginx with this site; `@MORE` is another port.
fn start(test: &str, scene: &Scene, site: &str) -> Option<Nginx> {
    scene.put_words(&[(BANNED, Ban), (CHALLENGED, Challenge)]);
    std::fs::create_dir_all(scene.path("nginx/www")).unwrap();
    std::fs::write(scene.path("nginx/passwords"), "user:{PLAIN}secret\n").unwrap();
    std::fs::write(scene.path("nginx/www/banned.html"), "not you\n").unwrap();
    let more = free_port().to_string();
    Nginx::start_with(test, scene, &site.replace("@MORE", &more))
}

fn ask(nginx: &Nginx, client: &str, (method, path): (&str, &str), headers: &str) -> Reply {
    let length = if method == "POST" {
        "Content-Length: 0\r\n"
    } else {
        ""
    };
    nginx.ask(&Ask {
        method,
        path,
        headers: &format!("{headers}{length}"),
        ..Ask::from(client)
    })
}

/// The cookie's header of who has worked.
fn worked(nginx: &Nginx, path: &str) -> String {
    format!(
        "Cookie: {}\r\n",
        work(&ask(nginx, CHALLENGED, ("GET", path), "").body)
    )
}

#[test]
fn nobody_gets_round_us_by_a_password_or_an_address_that_is_let_in() {
    let scene = Scene::new();
    // A banned client is told by his status: 403 is said by `deny` as well.
    let site = r#"
    vigie_challenge_bits 4;
    vigie_status 418;
    auth_basic_user_file passwords;
    server {
        listen 127.0.0.1:@PORT;
        root @PREFIX/www;
        location /any/ { satisfy any; deny all; auth_basic ours; alias @PREFIX/www/; }
        location /all/ { allow all; auth_basic ours; alias @PREFIX/www/; }
        location /allowed/ { satisfy any; allow all; auth_basic ours; alias @PREFIX/www/; }
        location /asked/ { satisfy any; deny all; auth_request /says; alias @PREFIX/www/; }
        location /away/ { auth_request /nobody; alias @PREFIX/www/; }
        location /few/ { limit_except GET { auth_basic ours; } alias @PREFIX/www/; }
        location = /says { internal; if ($http_authorization = "") { return 401; } return 204; }
        location = /nobody { internal; proxy_pass http://127.0.0.1:@MORE; }
    }
"#;
    let test = "nobody_gets_round_us_by_a_password_or_an_address_that_is_let_in";
    let Some(nginx) = start(test, &scene, site) else {
        return;
    };
    let cookie = worked(&nginx, "/any/");
    // Without a password and with it.
    let statuses = |client: &str, what: (&str, &str), headers: &str| {
        ["", PASSWORD].map(|password| ask(&nginx, client, what, &format!("{headers}{password}")).status)
    };
    for (what, others) in [
        (("GET", "/any/"), [401, 200]),
        (("GET", "/all/"), [401, 200]),
        (("GET", "/allowed/"), [200, 200]),
        (("GET", "/asked/"), [401, 200]),
        // Who is refused is refused before anybody is asked.
        (("GET", "/away/"), [500, 500]),
        // A file is not posted to.
        (("POST", "/few/"), [401, 405]),
    ] {
        assert_eq!(statuses(CLEAN, what, ""), others, "{what:?}");
        assert_eq!(statuses(BANNED, what, ""), [418, 418], "{what:?}");
        assert_eq!(statuses(CHALLENGED, what, ""), [403, 403], "{what:?}");
        // To have worked stands for nothing else.
        assert_eq!(statuses(CHALLENGED, what, &cookie), others, "{what:?}");
    }
}

#[test]
fn preflights_never_carry_the_cookie_and_are_refused_unless_their_place_says_otherwise() {
    let scene = Scene::new();
    let site = r"
    vigie_challenge_bits 4;
    server {
        listen 127.0.0.1:@PORT;
        root @PREFIX/www;
        location /api/ { proxy_pass http://127.0.0.1:@MORE; }
        location /shared/ {
            if ($request_method = OPTIONS) { vigie off; }
            proxy_pass http://127.0.0.1:@MORE;
        }
    }
    server {
        listen 127.0.0.1:@MORE;
        location / { vigie off; add_header Access-Control-Allow-Origin *; return 204; }
    }
";
    let test = "preflights_never_carry_the_cookie_and_are_refused_unless_their_place_says_otherwise";
    let Some(nginx) = start(test, &scene, site) else {
        return;
    };
    let preflight = |client: &str, path: &str| {
        let headers = "Origin: https://other.example\r\nAccess-Control-Request-Method: PUT\r\n";
        let reply = ask(&nginx, client, ("OPTIONS", path), headers);
        (
            reply.status,
            reply.header("access-control-allow-origin").to_owned(),
        )
    };
    let (passed, refused) = ((204, "*".to_owned()), (403, String::new()));
    for (client, closed) in [(CLEAN, &passed), (CHALLENGED, &refused), (BANNED, &refused)] {
        assert_eq!(preflight(client, "/api/"), *closed, "{client}");
        assert_eq!(preflight(client, "/shared/"), passed, "{client}");
    }
    // No page for a script that cannot read it; and what comes behind the preflight is asked all the same.
    let page = ask(&nginx, CHALLENGED, ("OPTIONS", "/api/"), "");
    assert!(!page.body.contains("data-seed"), "{}", page.body);
    assert_eq!(ask(&nginx, CHALLENGED, ("GET", "/shared/"), "").status, 403);
    assert_eq!(ask(&nginx, BANNED, ("GET", "/shared/"), "").status, 403);
    let cookie = worked(&nginx, "/api/");
    assert_eq!(ask(&nginx, CHALLENGED, ("OPTIONS", "/api/"), &cookie).status, 204);
}

#[test]
fn the_refused_are_shown_a_page_of_ones_own() {
    let scene = Scene::new();
    let site = r"
    server {
        listen 127.0.0.1:@PORT;
        root @PREFIX/www;
        error_page 403 /banned.html;
        location = /banned.html { vigie off; internal; }
        location /named/ { error_page 403 @sorry; alias @PREFIX/www/; }
        location @sorry { vigie off; add_header X-Vigie $vigie always; return 410; }
        location /round/ { error_page 403 /round/banned.html; alias @PREFIX/www/; }
        location = /metrics { vigie off; vigie_metrics; }
    }
";
    let Some(nginx) = start("the_refused_are_shown_a_page_of_ones_own", &scene, site) else {
        return;
    };
    let get = |client: &str, path: &str| ask(&nginx, client, ("GET", path), "");
    let shown = get(BANNED, "/");
    assert_eq!((shown.status, shown.body.as_str()), (403, "not you\n"));
    assert_eq!(get(CLEAN, "/").body, "welcome\n");
    assert_eq!(get(CLEAN, "/banned.html").status, 404);
    // Who is challenged sees the challenge, unless he wants no page.
    assert!(get(CHALLENGED, "/").body.contains("data-seed"));
    let sent = ask(&nginx, CHALLENGED, ("POST", "/"), "");
    assert_eq!((sent.status, sent.body.as_str()), (403, "not you\n"));
    let named = get(BANNED, "/named/");
    assert_eq!((named.status, named.word.as_str()), (410, "ban"));
    // A page that is itself kept from him is not looked for again and again.
    let round = get(BANNED, "/round/");
    assert!(
        round.status == 403 && round.body.contains("403 Forbidden"),
        "{}",
        round.body
    );
    // Each once, though it came by twice.
    assert_eq!(
        (
            nginx.requests("ban", "refused"),
            nginx.requests("challenge", "asked")
        ),
        (3, 2)
    );
}

#[test]
fn the_page_is_none_to_keep_though_a_backend_wanted_a_file_kept() {
    let scene = Scene::new();
    let site = r"
    server {
        listen 127.0.0.1:@PORT;
        root @PREFIX/www;
        location / { vigie off; proxy_pass http://127.0.0.1:@MORE; }
        location /files/ { internal; alias @PREFIX/www/; }
    }
    server {
        listen 127.0.0.1:@MORE;
        add_header X-Accel-Redirect /files/;
        add_header Content-Disposition attachment;
        add_header Cache-Control public;
        location / { vigie off; return 200; }
    }
";
    let test = "the_page_is_none_to_keep_though_a_backend_wanted_a_file_kept";
    let Some(nginx) = start(test, &scene, site) else {
        return;
    };
    let heads = [CLEAN, CHALLENGED].map(|client| {
        let reply = ask(&nginx, client, ("GET", "/"), "");
        let value = |name| reply.header(name).to_owned();
        (reply.status, value("content-disposition"), value("cache-control"))
    });
    let [kept, asked] = heads;
    assert_eq!(kept, (200, "attachment".to_owned(), "public".to_owned()));
    assert_eq!(asked, (403, String::new(), "no-store".to_owned()));
}

#[test]
fn with_444_the_banned_are_told_nothing_at_all() {
    let scene = Scene::new();
    let site = r"
    vigie_status 444;
    server {
        listen 127.0.0.1:@PORT;
        root @PREFIX/www;
        error_page 403 /banned.html;
    }
";
    let Some(nginx) = start("with_444_the_banned_are_told_nothing_at_all", &scene, site) else {
        return;
    };
    // Also in the midst of a connection that was well so far.
    let mut line = nginx.connect();
    assert_eq!(Ask::from(CLEAN).over(&mut line).unwrap().status, 200);
    let end = Ask::from(BANNED).over(&mut line).err().unwrap();
    assert_eq!(end.kind(), std::io::ErrorKind::UnexpectedEof);
    assert_eq!(nginx.status(CLEAN), 200);
    assert_eq!(nginx.status(CHALLENGED), 403);
}

/// `vigie_metrics` within a page of somebody else's: what stands behind it must still come.
#[test]
fn counts_within_a_page_do_not_end_it() {
    let scene = Scene::new();
    std::fs::create_dir_all(scene.path("nginx/www")).unwrap();
    let page = r#"begin <!--#include virtual="/metrics" --> end"#;
    std::fs::write(scene.path("nginx/www/page.html"), page).unwrap();
    let site = r"
    server {
        listen 127.0.0.1:@PORT;
        root @PREFIX/www;
        location = /page.html { ssi on; ssi_types *; keepalive_timeout 0; }
        location = /metrics { vigie off; vigie_metrics; }
    }
";
    let Some(nginx) = start("counts_within_a_page_do_not_end_it", &scene, site) else {
        return;
    };
    let mut line = nginx.connect();
    let whole = Ask {
        path: "/page.html",
        ..Ask::from(CLEAN)
    };
    whole.send(&mut line).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut line, &mut text).unwrap();
    assert!(
        text.contains("begin ") && text.contains("vigie_table_rows"),
        "{text}"
    );
    // In chunks, of which the empty one is the last.
    assert!(text.ends_with(" end\r\n0\r\n\r\n"), "{text}");
    assert_eq!(text.matches("\r\n0\r\n").count(), 1, "{text}");
    assert!(!nginx.errors().contains("[alert]"), "{}", nginx.errors());
}
