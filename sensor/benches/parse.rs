//! How fast a line becomes an event.

fn main() {
    divan::main();
}
