//! Horizontal bars as SVG, by hand: a library for it would be the larger part of this program.

use std::fmt::Write;

/// One bar.
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) value: f64,
}

/// Pixels: of the labels, of the longest bar, of its number, of a line.
const LABEL: u32 = 190;
const LONGEST: u32 = 300;
const NUMBER: u32 = 80;
const LINE: u32 = 22;
/// Above the bars.
const HEAD: u32 = 34;

/// Panels beside each other, each with a scale of its own.
pub(crate) fn draw(panels: &[(&str, Vec<Bar>)]) -> String {
    let count = |of: usize| u32::try_from(of).expect("a chart has few bars");
    let lines = panels.iter().map(|(_, bars)| bars.len()).max().unwrap_or(0);
    let width = (LABEL + LONGEST + NUMBER) * count(panels.len());
    let height = HEAD + count(lines) * LINE + 10;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (panel, (title, bars)) in (0..).zip(panels) {
        let start = panel * (LABEL + LONGEST + NUMBER) + LABEL;
        writeln!(
            svg,
            "<text x=\"{start}\" y=\"20\" font-weight=\"bold\">{title}</text>"
        )
        .unwrap();
        let most = bars
            .iter()
            .map(|bar| bar.value)
            .fold(0.0, f64::max)
            .max(0.001);
        for (line, bar) in (0..).zip(bars) {
            let (top, width) = (HEAD + line * LINE, bar.value / most * f64::from(LONGEST));
            let (base, label) = (top + 13, &bar.label);
            let color = if label.starts_with("embedded") {
                "#2a9d8f"
            } else {
                "#e87722"
            };
            writeln!(
                svg,
                "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{label}</text>\n\
                 <rect x=\"{start}\" y=\"{top}\" width=\"{width:.1}\" height=\"16\" fill=\"{color}\"/>\n\
                 <text x=\"{:.1}\" y=\"{base}\">{}</text>",
                start - 8,
                f64::from(start) + width + 5.0,
                shown(bar.value)
            )
            .unwrap();
        }
    }
    svg + "</svg>\n"
}

fn shown(value: f64) -> String {
    if value < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}
