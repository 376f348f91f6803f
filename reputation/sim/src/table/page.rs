//! The table as a page of Markdown, and as figures.
//!
//! Deliberately absent: judgement. What the numbers mean is written by people around them.

use super::{Measured, Plan, Row};
use crate::baseline::Scorers;
use crate::figure::{self, Heat, Line, Lines};

/// What the page is made from.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The runs that were wished for.
    pub plan: &'a Plan,
    /// What is known of them.
    pub rows: &'a [Row],
    /// The command that prints it.
    pub command: &'a str,
    /// Where the figures lie, seen from the page.
    pub figures: &'a str,
}

/// What the page shows of every attack.
const SHOWN: [Measured; 3] = [Measured::FramedShare, Measured::Harm, Measured::Prevented];
/// And of the worst attack.
const SUMMARY: [Measured; 8] = [
    Measured::KnownInnocentsBlocked,
    Measured::FramedShare,
    Measured::InnocentsBlocked,
    Measured::Harm,
    Measured::Prevented,
    Measured::Ttp50Hours,
    Measured::HonestStruckShare,
    Measured::RecoveryHours,
];

// === impl Page ===

impl Page<'_> {
    fn shares(&self) -> Vec<f64> {
        let mut shares: Vec<f64> = self.rows.iter().map(|row| row.liars).collect();
        shares.sort_unstable_by(f64::total_cmp);
        shares.dedup_by(|left, right| (*left - *right).abs() < 1e-9);
        shares
    }

    fn at(&self, share: f64) -> impl Iterator<Item = &Row> {
        self.rows
            .iter()
            .filter(move |row| (row.liars - share).abs() < 1e-9)
    }

    fn row(&self, attack: &str, scorer: Scorers, share: f64) -> Option<&Row> {
        self.at(share)
            .find(|row| &*row.attack == attack && row.scorer == scorer)
    }

    fn attacks(&self, share: f64) -> Vec<&str> {
        let there = |attack: &&str| self.at(share).any(|row| *row.attack == **attack);
        self.plan
            .attacks
            .iter()
            .map(|attack| &**attack)
            .filter(there)
            .collect()
    }

    /// The worst over all attacks of a share of liars; infinite is never.
    fn worst(&self, scorer: Scorers, share: f64, measured: Measured) -> Option<f64> {
        let rows = self.at(share).filter(|row| row.scorer == scorer);
        let values: Vec<f64> = rows
            .filter_map(|row| row.worst.get(&measured))
            .map(|value| value.unwrap_or(f64::INFINITY))
            .collect();
        measured.worst(&values)
    }
}

/// The page, without a heading of its own.
pub fn page(page: &Page<'_>) -> String {
    let setup = &page.plan.base;
    let mut text = format!(
        "Printed by `{}`: {} honest organisations, {} days, struck on day {}, {} observers, {} seeds. Cells are \
         median / worst over the seeds, or one number where these agree.\n",
        page.command,
        setup.orgs,
        setup.days,
        setup.strike_day(),
        setup.observers,
        page.plan.seeds.len(),
    );
    for share in page.shares() {
        text.push_str(&summary(page, share));
    }
    for share in page.shares() {
        for measured in SHOWN {
            text.push_str(&by_attack(page, share, measured));
        }
    }
    for (name, title, _) in figures(page) {
        text.push_str(&format!("\n![{title}]({}/{name})\n", page.figures));
    }
    text
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

fn summary(page: &Page<'_>, share: f64) -> String {
    let mut text = format!(
        "\n### Worst attack, worst seed, {} liars\n\n| scorer |",
        percent(share)
    );
    for measured in SUMMARY {
        text.push_str(&format!(" {measured} |"));
    }
    text.push_str(&format!("\n|---|{}\n", "---|".repeat(SUMMARY.len())));
    for scorer in &page.plan.scorers {
        if page.at(share).all(|row| row.scorer != *scorer) {
            continue;
        }
        text.push_str(&format!("| {scorer} |"));
        for measured in SUMMARY {
            let worst = page.worst(*scorer, share, measured);
            let finite = worst.filter(|worst| worst.is_finite());
            text.push_str(&format!(" {} |", measured.text(finite)));
        }
        text.push('\n');
    }
    text
}

fn by_attack(page: &Page<'_>, share: f64, measured: Measured) -> String {
    let attacks = page.attacks(share);
    if attacks.len() < 2 {
        return String::new();
    }
    let mut text = format!("\n### {measured}, {} liars\n\n| attack |", percent(share));
    for scorer in &page.plan.scorers {
        text.push_str(&format!(" {scorer} |"));
    }
    text.push_str(&format!("\n|---|{}\n", "---|".repeat(page.plan.scorers.len())));
    for attack in attacks {
        text.push_str(&format!("| {attack} |"));
        for scorer in &page.plan.scorers {
            let cell = page.row(attack, *scorer, share).map(|row| cell(row, measured));
            text.push_str(&format!(" {} |", cell.unwrap_or_default()));
        }
        text.push('\n');
    }
    text
}

fn cell(row: &Row, measured: Measured) -> String {
    let text = |value: Option<&Option<f64>>| measured.text(value.copied().flatten());
    let (median, worst) = (text(row.median.get(&measured)), text(row.worst.get(&measured)));
    if median == worst {
        median
    } else {
        format!("{median} / {worst}")
    }
}

/// The figures: file name, title, SVG.
pub fn figures(page: &Page<'_>) -> Vec<(String, String, String)> {
    let mut drawn = Vec::new();
    let shares = page.shares();
    if let Some(most) = shares.last().copied() {
        for (measured, scale) in [(Measured::FramedShare, Heat::SHARE), (Measured::Harm, Heat::TINY)] {
            let title = format!("{measured}, {} liars, worst seed", percent(most));
            let heat = heat(page, most, measured, scale);
            drawn.push((
                format!("{measured}.svg"),
                title.clone(),
                figure::heat(&title, &heat),
            ));
        }
    }
    if shares.len() > 1 {
        for measured in [Measured::FramedShare, Measured::Harm] {
            let title = format!("{measured} of the worst attack by share of liars");
            let lines = lines(page, &shares, measured);
            let name = format!("{measured}-by-liars.svg");
            drawn.push((name, title.clone(), figure::lines(&title, &lines)));
        }
    }
    drawn
}

fn heat(page: &Page<'_>, share: f64, measured: Measured, scale: (f64, f64)) -> Heat {
    let attacks = page.attacks(share);
    let worst = |attack: &str, scorer: Scorers| {
        let row = page.row(attack, scorer, share)?;
        row.worst.get(&measured).copied().flatten()
    };
    Heat {
        columns: page.plan.scorers.iter().map(ToString::to_string).collect(),
        cells: attacks
            .iter()
            .map(|attack| {
                let scorers = page.plan.scorers.iter();
                let values = scorers.map(|scorer| worst(attack, *scorer));
                values.map(|value| (value, measured.text(value))).collect()
            })
            .collect(),
        rows: attacks.iter().map(ToString::to_string).collect(),
        scale,
    }
}

fn lines(page: &Page<'_>, shares: &[f64], measured: Measured) -> Lines {
    let of = |scorer: &Scorers| Line {
        name: scorer.to_string(),
        points: shares
            .iter()
            .filter_map(|share| Some((*share, page.worst(*scorer, *share, measured)?)))
            .collect(),
    };
    Lines {
        all: page.plan.scorers.iter().map(of).collect(),
        logarithmic: measured == Measured::Harm,
        across: "share of liars".to_owned(),
        up: measured.to_string(),
    }
}
