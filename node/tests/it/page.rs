//! The page as a person's browser shows it: a real Chromium, from Debian, on a real node. What strangers wrote appears as
//! text and runs nothing. Deliberately absent: how it looks, which only eyes can judge.

use crate::browser;
use crate::support::{Home, guesses, until};

#[test]
fn a_browser_shows_the_lists_and_runs_nothing_that_strangers_wrote() {
    let Some(chromium) = browser::find("page::a_browser_shows_the_lists") else {
        return;
    };
    let home = Home::watching();
    let node = home.up();
    home.append(&guesses("192.88.99.7", 6));
    until("the detection is a decision", || {
        home.rows(&["decisions", "list"]).len() == 1
    });
    let hostile = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";
    home.say(&["decisions", "add", "192.88.99.8", "--reason", hostile]);

    let shown = browser::look(
        &chromium,
        &home.beside(""),
        &format!("http://{}/", node.page),
        &[],
    );
    assert!(shown.dom.contains("<title>Vigie</title>"), "{}", shown.dom);
    for cell in ["<td>192.88.99.7</td>", "<td>192.88.99.8</td>", "vigie/ssh-bf"] {
        assert!(shown.dom.contains(cell), "{cell}: {}", shown.dom);
    }
    assert!(
        shown.dom.contains("&lt;img src=x"),
        "shown as text: {}",
        shown.dom
    );
    assert!(
        !shown.dom.contains("<img") && !shown.dom.contains("<script"),
        "{}",
        shown.dom
    );
    assert!(
        !shown.log.contains("CONSOLE"),
        "a page in order logs nothing: {}",
        shown.log
    );
}
