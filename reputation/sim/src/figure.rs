//! Figures as SVG, written by hand: a heat map, and lines.
//!
//! One font, three greys and one scale of colours, so that they can be read in print and by who sees no red. Deliberately
//! absent: scripts and styles from elsewhere.

use std::fmt::Write as _;

/// A heat map.
#[derive(Clone, Debug)]
pub(crate) struct Heat {
    pub(crate) rows: Vec<String>,
    pub(crate) columns: Vec<String>,
    /// Row by row: the value, if there is one, and how it is written.
    pub(crate) cells: Vec<Vec<(Option<f64>, String)>>,
    /// Values that are drawn in the lightest and in the darkest colour; colours go by the logarithm between.
    pub(crate) scale: (f64, f64),
}

/// Lines over one axis.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    pub(crate) all: Vec<Line>,
    /// Whether the other axis is one of logarithms.
    pub(crate) logarithmic: bool,
    pub(crate) across: String,
    pub(crate) up: String,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// What a logarithm takes zero for.
const LEAST: f64 = 1e-8;
/// Lines are told apart by these, and by their names at the end.
const COLOURS: [&str; 6] = ["#1b4f72", "#b9770e", "#717d7e", "#7d3c98", "#196f3d", "#943126"];
const SIZE: (f64, f64) = (720.0, 420.0);
const MARGIN: (f64, f64) = (70.0, 50.0);

// === impl Heat ===

impl Heat {
    /// For shares.
    pub(crate) const SHARE: (f64, f64) = (1e-3, 1.0);
    /// For harm.
    pub(crate) const TINY: (f64, f64) = (1e-7, 1e-1);
}

/// A heat map: rows from the top, columns from the left, each cell with its number.
pub(crate) fn heat(title: &str, heat: &Heat) -> String {
    let (cell, top, left) = ((86.0, 20.0), 58.0, 90.0);
    let width = left + cell.0 * count(heat.columns.len()) + 10.0;
    let height = top + cell.1 * count(heat.rows.len()) + 10.0;
    let mut svg = open(width, height, title);
    for (column, name) in heat.columns.iter().enumerate() {
        let x = left + cell.0 * (count(column) + 0.5);
        text(&mut svg, (x, top - 8.0), "middle", name);
    }
    for (row, (name, cells)) in heat.rows.iter().zip(&heat.cells).enumerate() {
        let y = top + cell.1 * count(row);
        text(&mut svg, (left - 8.0, y + 14.0), "end", name);
        for (column, (value, written)) in cells.iter().enumerate() {
            let x = left + cell.0 * count(column);
            let depth = value.map(|value| depth(value, heat.scale));
            let (fill, ink) = colour(depth);
            put(
                &mut svg,
                &format!(
                    r#"<rect x="{x:.1}" y="{y:.1}" width="{:.1}" height="{:.1}" fill="{fill}"/>"#,
                    cell.0 - 2.0,
                    cell.1 - 2.0
                ),
            );
            put(
                &mut svg,
                &format!(
                    r#"<text x="{:.1}" y="{:.1}" text-anchor="middle" fill="{ink}">{}</text>"#,
                    x + cell.0 / 2.0 - 1.0,
                    y + 13.5,
                    escaped(written)
                ),
            );
        }
    }
    close(svg)
}

/// Lines, each with its name at its end.
pub(crate) fn lines(title: &str, figure: &Lines) -> String {
    let mut svg = open(SIZE.0 + 110.0, SIZE.1, title);
    let points = || figure.all.iter().flat_map(|line| &line.points);
    let right = points().map(|point| point.0).fold(1e-9, f64::max);
    let height = |value: f64| {
        if figure.logarithmic {
            libm::log10(value.max(LEAST))
        } else {
            value
        }
    };
    let bottom = height(0.0);
    let top = points()
        .map(|point| height(point.1))
        .fold(bottom + 1e-9, f64::max);
    let place = |(across, up): (f64, f64)| {
        let x = MARGIN.0 + across / right * (SIZE.0 - 2.0 * MARGIN.0);
        let y = SIZE.1 - MARGIN.1 - (height(up) - bottom) / (top - bottom) * (SIZE.1 - 2.0 * MARGIN.1);
        (x, y)
    };
    for step in 0..=4 {
        let share = f64::from(step) / 4.0;
        let level = bottom + share * (top - bottom);
        let (value, written) = if figure.logarithmic {
            let value = libm::pow(10.0, level);
            (value, format!("{value:.0e}"))
        } else {
            (level, format!("{level:.2}"))
        };
        let (x, y) = place((0.0, value));
        let end = place((right, value)).0;
        put(
            &mut svg,
            &format!(r##"<path d="M{x:.1} {y:.1}H{end:.1}" stroke="#ddd" fill="none"/>"##),
        );
        text(&mut svg, (x - 6.0, y + 4.0), "end", &written);
        let below = place((share * right, 0.0)).0;
        let written = format!("{:.2}", share * right);
        text(&mut svg, (below, SIZE.1 - MARGIN.1 + 18.0), "middle", &written);
    }
    text(&mut svg, (SIZE.0 / 2.0, SIZE.1 - 12.0), "middle", &figure.across);
    text(&mut svg, (8.0, MARGIN.1 - 8.0), "start", &figure.up);
    let mut taken: Vec<f64> = Vec::new();
    for (number, line) in figure.all.iter().enumerate() {
        let colour = COLOURS.get(number % COLOURS.len()).copied().unwrap_or("black");
        let path: Vec<String> = line
            .points
            .iter()
            .map(|point| place(*point))
            .map(|(x, y)| format!("{x:.1} {y:.1}"))
            .collect();
        let dashes = if number < COLOURS.len() { "none" } else { "5 3" };
        put(
            &mut svg,
            &format!(
                r#"<path d="M{}" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}" fill="none"/>"#,
                path.join("L")
            ),
        );
        if let Some(last) = line.points.last() {
            let (x, mut y) = place(*last);
            // Names that would lie on each other move down.
            while taken.iter().any(|other| (other - y).abs() < 13.0) {
                y += 13.0;
            }
            taken.push(y);
            put(
                &mut svg,
                &format!(
                    r#"<text x="{:.1}" y="{:.1}" fill="{colour}">{}</text>"#,
                    x + 8.0,
                    y + 4.0,
                    escaped(&line.name)
                ),
            );
        }
    }
    close(svg)
}

/// One line by day, for a single run.
pub(crate) fn course(title: &str, name: &str, by_day: &[f64]) -> String {
    let points = (0_u32..).map(f64::from).zip(by_day.iter().copied()).collect();
    let figure = Lines {
        all: vec![Line {
            name: name.to_owned(),
            points,
        }],
        logarithmic: false,
        across: "day".to_owned(),
        up: "harm: share of own legitimate traffic kept out".to_owned(),
    };
    lines(title, &figure)
}

fn open(width: f64, height: f64, title: &str) -> String {
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" font-family="sans-serif" font-size="11">"#
    );
    svg.push('\n');
    put(&mut svg, &format!("<title>{}</title>", escaped(title)));
    put(&mut svg, r#"<rect width="100%" height="100%" fill="white"/>"#);
    put(
        &mut svg,
        &format!(r#"<text x="8" y="20" font-size="14">{}</text>"#, escaped(title)),
    );
    svg
}

fn close(mut svg: String) -> String {
    svg.push_str("</svg>\n");
    svg
}

fn put(svg: &mut String, element: &str) {
    // Writing to a string cannot fail.
    writeln!(svg, "{element}").ok();
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, words: &str) {
    put(
        svg,
        &format!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{}</text>"#,
            escaped(words)
        ),
    );
}

fn escaped(words: &str) -> String {
    words
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn count(number: usize) -> f64 {
    f64::from(crate::subject::number(number))
}

/// 0 to 1, by the logarithm.
fn depth(value: f64, (least, most): (f64, f64)) -> f64 {
    let of = |value: f64| libm::log10(value.max(least / 10.0));
    ((of(value) - of(least)) / (of(most) - of(least))).clamp(0.0, 1.0)
}

/// From white over orange to dark red; grey for nothing. And the ink that can be read on it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of 255; `as` saturates"
)]
fn colour(depth: Option<f64>) -> (String, &'static str) {
    let Some(depth) = depth else {
        return ("#eeeeee".to_owned(), "#999");
    };
    let mix = |light: f64, dark: f64| (light + (dark - light) * depth) as u8;
    let fill = format!(
        "#{:02x}{:02x}{:02x}",
        mix(255.0, 140.0),
        mix(255.0, 30.0),
        mix(245.0, 20.0)
    );
    (fill, if depth > 0.55 { "white" } else { "#222" })
}
