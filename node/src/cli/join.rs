//! `vigie join SEED`: shows the fingerprints, asks two questions, joins.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::json;
use vigie_wire::{Genesis, OrgId};

use super::Global;
use super::control::Control;
use crate::identity::Identity;
use crate::terminal::{printable, say};

/// Largest invitation that is read, in bytes.
const LARGEST: usize = 1 << 20;

/// Join the network of a seed
#[derive(Debug, Args)]
pub(crate) struct Join {
    /// Where the seed hands out its invitation: a URL, host:port, or a file
    seed: String,
    /// Answer the first question: share our detections?
    #[arg(long, value_name = "yes|no")]
    share: Option<Answer>,
    /// Answer the second question: take the network's seeds as trust anchors?
    #[arg(long, value_name = "yes|no")]
    anchor: Option<Answer>,
    /// Join without asking whether the fingerprints are right
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Answer {
    Yes,
    No,
}

#[derive(Deserialize)]
struct Invitation {
    genesis: String,
    peers: Vec<String>,
}

impl Join {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let invitation = fetch(&self.seed).await?;
        let genesis = Genesis::parse(&invitation.genesis).context("the seed's genesis file is damaged")?;
        let identity = Identity::load(&global.paths())
            .context("this machine has no identity yet: run `vigie up` or `vigie init` first")?;
        say(&describe(&genesis, &identity, &invitation.peers))?;
        if !self.yes && !ask("Are these the fingerprints that the seed's operator told you?")? {
            bail!("not joined");
        }
        let control = Control::reach(global).await?;
        let network = control.get("/status").await?["network_id"].take();
        let again = network.as_str() == Some(genesis.network().to_string().as_str());
        if again {
            say(
                "This node is in that network already: its addresses are added, and what was answered before stays.\n",
            )?;
        }
        let share = answer(
            self.share,
            "Share our detections with the network (address, behaviour, minute, count), and dispute accusations of our users' addresses?",
            again,
        )?;
        let anchor = answer(
            self.anchor,
            "Take these seeds as trust anchors? Without anchors the mesh's word never blocks.",
            again,
        )?;
        let seeds = || genesis.seeds.iter().map(|seed| seed.key.org_id());
        let anchors = anchor.map(|yes| seeds().filter(|_| yes).collect::<Vec<OrgId>>());
        let body = json!({"genesis": invitation.genesis, "peers": invitation.peers, "share": share, "anchors": anchors});
        control.post("/join", &body).await?;
        let status = control.get("/status").await?;
        let reach = status["reach"]["words"]
            .as_str()
            .map(printable)
            .unwrap_or_default();
        say(&farewell(&genesis, &identity, &reach))?;
        match status["disputes"].is_null() {
            true => Ok(()),
            false => say(super::share::DISPUTES),
        }
    }
}

fn describe(genesis: &Genesis, identity: &Identity, peers: &[String]) -> String {
    let mut text = format!(
        "Network   {}\n  fingerprint {}\n",
        printable(&genesis.name),
        genesis.network()
    );
    for seed in &genesis.seeds {
        text.push_str(&format!(
            "  seed        {}  {}\n",
            seed.key,
            printable(&seed.name)
        ));
    }
    for peer in peers {
        text.push_str(&format!("  reached at  {}\n", printable(peer)));
    }
    text.push_str(&format!("We are      {}\n", identity.org));
    text
}

fn farewell(genesis: &Genesis, identity: &Identity, reach: &str) -> String {
    let founder = genesis
        .seeds
        .iter()
        .chain(&genesis.members)
        .any(|founder| founder.key == identity.org);
    let next = if founder {
        "This organisation is one of its founders.".to_owned()
    } else {
        format!(
            "Ask one seed, or two members, to run: vigie vouch {} --name NAME",
            identity.org
        )
    };
    format!(
        "Joined {}. {next}\nVerdicts of the mesh are simulated for 72 h, then `vigie policy enforce` enforces them.\nThis node {reach}.\n",
        printable(&genesis.name)
    )
}

/// `None` leaves it as it is: a second invitation asks nothing.
fn answer(given: Option<Answer>, question: &str, again: bool) -> anyhow::Result<Option<bool>> {
    match given {
        Some(answer) => Ok(Some(answer == Answer::Yes)),
        None if again => Ok(None),
        None => ask(question).map(Some),
    }
}

pub(super) fn ask(question: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("there is no terminal to ask on: answer with --yes, and with what --help names besides");
    }
    say(&format!("{question} [y/N] "))?;
    std::io::stdout().flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

async fn fetch(seed: &str) -> anyhow::Result<Invitation> {
    let text = if std::path::Path::new(seed).is_file() {
        std::fs::read_to_string(seed).with_context(|| format!("cannot read {seed}"))?
    } else {
        let base = if seed.contains("://") {
            seed.to_owned()
        } else {
            format!("http://{seed}")
        };
        download(&format!("{}/network", base.trim_end_matches('/'))).await?
    };
    serde_json::from_str(&text).with_context(|| format!("{seed} does not hand out an invitation"))
}

async fn download(url: &str) -> anyhow::Result<String> {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(20))
        .build()?;
    let mut answer = client
        .get(url)
        .send()
        .await
        .with_context(|| format!("cannot reach {url}"))?
        .error_for_status()?;
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LARGEST {
            bail!("{url} sends more than an invitation");
        }
    }
    String::from_utf8(bytes).with_context(|| format!("{url} does not send text"))
}
