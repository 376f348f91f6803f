//! What `nginx -t` says to directives that are wrong, and that a table that is not there yet is no mistake.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use crate::scene::Scene;
use crate::server::check_config;

#[test]
fn mistakes_in_directives_are_named_with_their_place() {
    let scene = Scene::new();
    let check = |site: &str, good: bool, says: &str| -> Option<()> {
        let output = check_config("mistakes_in_directives_are_named_with_their_place", &scene, site)?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.success(), good, "{site}: {text}");
        assert!(text.contains(says), "{site}: {text}");
        Some(())
    };
    std::fs::create_dir_all(scene.path("nginx")).unwrap();
    for (name, bytes) in [("short", 15), ("long", 5_000), ("longer", 70_000)] {
        std::fs::write(scene.path("nginx").join(name), vec![b'x'; bytes]).unwrap();
    }
    let server = "server { listen 127.0.0.1:@PORT; }";
    let all = [
        (
            "vigie perhaps;",
            r#""vigie" directive is neither "on" nor "off" in "#,
        ),
        ("vigie off; vigie off;", r#""vigie" directive is duplicate in "#),
        ("vigie;", r#"invalid number of arguments in "vigie" directive"#),
        (
            "vigie_status 200;",
            r#""vigie_status" directive is not a status from 400 to 599 in "#,
        ),
        (
            "vigie_status 4e2;",
            r#""vigie_status" directive is not a status from 400 to 599 in "#,
        ),
        (
            "vigie_table a; vigie_table b;",
            r#""vigie_table" directive is duplicate in "#,
        ),
        (
            "vigie_fail perhaps;",
            r#""vigie_fail" directive is neither "open" nor "closed" in "#,
        ),
        (
            "vigie_challenge_bits 27;",
            r#""vigie_challenge_bits" directive is not a number from 1 to 26 in "#,
        ),
        (
            "vigie_challenge_window 59s;",
            r#""vigie_challenge_window" directive is not a time from 1m to 1d in "#,
        ),
        (
            "vigie_challenge_secret nginx.conf.missing;",
            "nginx.conf.missing: No such file",
        ),
        (
            "vigie_challenge_secret /dev/zero;",
            "/dev/zero: it is not a file in ",
        ),
        (
            "vigie_challenge_secret short;",
            "short, which holds less than 16 bytes in ",
        ),
        (
            "vigie_challenge_secret long;",
            "long, which is longer than 4096 bytes in ",
        ),
        (
            "vigie_captcha turnstile;",
            r#""vigie_captcha" directive is neither "off" nor turnstile, hcaptcha or recaptcha with a site key in "#,
        ),
        ("vigie_captcha own key;", r#"is neither "off" nor turnstile"#),
        (
            "vigie_captcha turnstile a<b;",
            "has a site key or an address that no page may hold in ",
        ),
        (
            "vigie_challenge_page nginx.conf;",
            "nginx.conf, which does not hold <!--vigie--> exactly once in ",
        ),
        (
            "vigie_challenge_page longer;",
            "longer, which is longer than 64 KiB in ",
        ),
        (
            "vigie_metrics;",
            r#""vigie_metrics" directive is not allowed here in "#,
        ),
        ("vigie on;", r#""vigie on" needs a "vigie_table""#),
    ];
    for (directives, says) in all {
        if check(&format!("{directives} {server}"), false, says).is_none() {
            return;
        }
    }
    check(
        &format!("vigie on; vigie_table not/there; {server}"),
        true,
        "nginx/not/there: No such file",
    );
    check(&format!("vigie off; {server}"), true, "test is successful");
}

#[test]
fn a_secret_that_anybody_may_read_is_warned_of() {
    let scene = Scene::new();
    std::fs::create_dir_all(scene.path("nginx")).unwrap();
    let secret = scene.path("nginx/secret");
    std::fs::write(&secret, "sixteen bytes and more").unwrap();
    for (mode, warned) in [(0o640, false), (0o644, true)] {
        std::fs::set_permissions(&secret, Permissions::from_mode(mode)).unwrap();
        let site = "vigie_challenge_secret secret; server { listen 127.0.0.1:@PORT; }";
        let Some(output) = check_config("a_secret_that_anybody_may_read_is_warned_of", &scene, site) else {
            return;
        };
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
        assert_eq!(
            text.contains("anybody on this machine may read it"),
            warned,
            "{mode:o}: {text}"
        );
    }
}
