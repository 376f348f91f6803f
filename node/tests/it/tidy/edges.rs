//! Which crate may use which, and who may name the large libraries. Everything that is not written here is forbidden,
//! in tests and benchmarks too.

use cargo_metadata::{Metadata, MetadataCommand};

use super::{assert_none, packages, root};

/// Who may use what of ours. `node` may use everything.
const EDGES: &[(&str, &[&str])] = &[
    ("vigie-wire", &[]),
    ("vigie-reputation", &["vigie-wire"]),
    ("vigie-sensor", &["vigie-wire"]),
    ("vigie-gossip-core", &["vigie-wire"]),
    ("vigie-gossip", &["vigie-gossip-core"]),
    ("vigie-mesh-sim", &["vigie-gossip-core"]),
    ("vigie-sim", &["vigie-reputation", "vigie-gossip-core"]),
    ("vigie-bouncer-origin", &[]),
    ("vigie-bouncer-client", &["vigie-bouncer-origin"]),
    ("vigie-bouncer-daemon", &["vigie-bouncer-client"]),
    (
        "vigie-bouncer-nftables",
        &["vigie-bouncer-client", "vigie-bouncer-daemon"],
    ),
    (
        "vigie-bouncer-nginx",
        &[
            "vigie-bouncer-client",
            "vigie-bouncer-daemon",
            "vigie-bouncer-origin",
        ],
    ),
    ("vigie-store", &["vigie-wire"]),
    ("vigie-store-sqlite", &["vigie-store"]),
    ("vigie-store-postgres", &["vigie-store"]),
];

/// Families of crates, and the only ones of ours that may name them.
const NAMED_BY: &[(&str, &[&str])] = &[
    ("libp2p", &["vigie-gossip"]),
    // Browsers hand in captchas to the daemon beside nginx.
    ("axum", &["vigie", "vigie-bouncer-nginx"]),
    ("sqlx", &["vigie-store-sqlite", "vigie-store-postgres"]),
    ("ngx", &["vigie-bouncer-nginx"]),
    ("nginx-sys", &["vigie-bouncer-nginx"]),
];

/// What may not be reached, however long the way.
const NEVER_REACHED: &[(&str, &[&str])] = &[
    (
        "libp2p",
        &[
            "vigie-wire",
            "vigie-gossip-core",
            "vigie-reputation",
            "vigie-sensor",
            "vigie-sim",
            "vigie-mesh-sim",
            "vigie-store",
            "vigie-store-sqlite",
            "vigie-store-postgres",
            "vigie-bouncer-client",
            "vigie-bouncer-daemon",
            "vigie-bouncer-nftables",
            "vigie-bouncer-nginx",
            "vigie-bouncer-origin",
        ],
    ),
    (
        "tokio",
        &[
            "vigie-wire",
            "vigie-gossip-core",
            "vigie-mesh-sim",
            "vigie-reputation",
        ],
    ),
    (
        "axum",
        &[
            "vigie-bouncer-client",
            "vigie-bouncer-daemon",
            "vigie-bouncer-nftables",
        ],
    ),
];

/// The workspace as its manifests say, without resolving anything.
fn workspace() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .unwrap()
}

fn is_of(package: &str, family: &str) -> bool {
    package == family
        || package
            .strip_prefix(family)
            .is_some_and(|rest| rest.starts_with('-'))
}

#[test]
fn crates_use_only_what_they_may() {
    let mut faults = Vec::new();
    for package in workspace().packages {
        let name = package.name.as_str();
        let allowed = EDGES.iter().find(|(from, _)| *from == name).map(|(_, to)| *to);
        if allowed.is_none() && name != "vigie" {
            faults.push(format!("{name}: a new crate; say in EDGES what it may use"));
        }
        for dependency in &package.dependencies {
            let to = dependency.name.as_str();
            let ours = to == "vigie" || to.starts_with("vigie-");
            if ours && allowed.is_some_and(|allowed| !allowed.contains(&to)) {
                faults.push(format!("{name} uses {to}, which EDGES does not allow"));
            }
            for (family, owners) in NAMED_BY {
                if is_of(to, family) && !owners.contains(&name) {
                    faults.push(format!("{name} names {to}: only {} may", owners.join(" and ")));
                }
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn cores_stay_pure() {
    let members = workspace().packages;
    let mut faults = Vec::new();
    for (family, kept_from) in NEVER_REACHED {
        let names = kept_from
            .iter()
            .filter(|name| members.iter().any(|member| member.name == **name));
        let selection: Vec<&str> = names.flat_map(|name| ["--package", *name]).collect();
        let reached = packages(&selection, "normal,build");
        if let Some(package) = reached.iter().find(|package| is_of(&package.name, family)) {
            let (name, version, selection) = (&package.name, &package.version, selection.join(" "));
            faults.push(format!(
                "{name} is reached: see cargo tree {selection} --edges normal,build --invert {name}@{version}"
            ));
        }
    }
    assert_none(&faults);
}

/// What runs inside nginx's workers, which have one thread and wait for nobody.
#[test]
fn workers_of_nginx_carry_no_runtime() {
    let module = [
        "--package",
        "vigie-bouncer-nginx",
        "--no-default-features",
        "--features",
        "module",
    ];
    let reached = packages(&module, "normal");
    assert!(reached.iter().any(|package| package.name == "ngx"));
    let kept_out = ["tokio", "hyper", "reqwest", "rustls", "vigie-bouncer-client"];
    let faults: Vec<String> = reached
        .iter()
        .filter(|package| kept_out.iter().any(|family| is_of(&package.name, family)))
        .map(|package| format!("{} is built into the module", package.name))
        .collect();
    assert_none(&faults);
}
