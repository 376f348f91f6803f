//! Tells cargo that a new migration means a new program: `sqlx::migrate!` alone sees changed files, not new ones.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
