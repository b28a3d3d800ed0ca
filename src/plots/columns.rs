use crate::plots::Undrawn;
use crate::plots::paper;
use crate::plots::paper::failed;
use plotters::prelude::BindKeyPoints;
use plotters::prelude::ChartBuilder;
use plotters::prelude::Color;
use plotters::prelude::Rectangle;
use plotters::prelude::Text;
use plotters::style::text_anchor::HPos;
use plotters::style::text_anchor::Pos;
use plotters::style::text_anchor::VPos;

/// One place on the axis of time.
pub struct Column {
    /// Under it; empty: nothing.
    pub label: String,
    /// From the ground up.
    pub lower: i64,
    /// On top of that.
    pub upper: i64,
}

pub struct Columns<'a> {
    /// What the lower parts are, and the upper; empty: there are none.
    pub legend: (&'a str, &'a str),
    pub columns: &'a [Column],
    /// How a number of the axis is written.
    pub write: &'a dyn Fn(i64) -> String,
}

/// Units: pixels.
const HEIGHT: u32 = 400;
/// Units: hundredths of the room of one column.
const ROOM: i32 = 100;
const GAP: i32 = 16;

/// Columns side by side, each of two parts, as a PNG. What is below zero is drawn as nothing.
pub fn draw_columns(plot: &Columns<'_>) -> Result<Vec<u8>, Undrawn> {
    paper::draw(HEIGHT, |sheet| {
        let tall = |column: &Column| column.lower.max(0).saturating_add(column.upper.max(0));
        let most = plot.columns.iter().map(tall).max().unwrap_or(0);
        let steps = paper::steps(most);
        let top = steps.last().copied().unwrap_or(1);
        let n_columns = i32::try_from(plot.columns.len()).map_err(failed)?;
        let middles: Vec<i32> = (0..n_columns)
            .zip(plot.columns)
            .filter(|(_, column)| !column.label.is_empty())
            .map(|(n, _)| n * ROOM + ROOM / 2)
            .collect();
        let widest = steps.iter().map(|step| (plot.write)(*step).len()).max().unwrap_or(1);
        let beside = 20 + 15 * u32::try_from(widest).map_err(failed)?;
        let across = (0..(n_columns * ROOM).max(1)).with_key_points(middles);
        let upwards = (0..top).with_key_points(steps);
        let mut chart = ChartBuilder::on(sheet)
            .margin_top(58)
            .margin_right(24)
            .margin_left(8)
            .margin_bottom(6)
            .x_label_area_size(44)
            .y_label_area_size(beside)
            .build_cartesian_2d(across, upwards)
            .map_err(failed)?;
        let label = |at: &i32| {
            let column = usize::try_from(at / ROOM).ok().and_then(|n| plot.columns.get(n));
            column.map_or_else(String::new, |column| column.label.clone())
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(paper::LINES.stroke_width(2))
            .light_line_style(paper::PAPER)
            .axis_style(paper::INK.stroke_width(2))
            .x_label_style(paper::letters())
            .y_label_style(paper::letters())
            .x_label_formatter(&label)
            .y_label_formatter(&|step| (plot.write)(*step))
            .draw()
            .map_err(failed)?;
        for (n, column) in (0..n_columns).zip(plot.columns) {
            let (left, right) = (n * ROOM + GAP, (n + 1) * ROOM - GAP);
            let (lower, all) = (column.lower.max(0), tall(column));
            for (from, to, filling) in [(0, lower, paper::DARK), (lower, all, paper::BRIGHT)] {
                if from < to {
                    let part = Rectangle::new([(left, from), (right, to)], filling.filled());
                    chart.draw_series([part]).map_err(failed)?;
                }
            }
        }
        let mut left = 16;
        for (words, filling) in [(plot.legend.0, paper::DARK), (plot.legend.1, paper::BRIGHT)] {
            if words.is_empty() {
                continue;
            }
            let mark = Rectangle::new([(left, 16), (left + 22, 38)], filling.filled());
            sheet.draw(&mark).map_err(failed)?;
            let style = paper::letters().pos(Pos::new(HPos::Left, VPos::Center));
            sheet.draw(&Text::new(words, (left + 32, 31), style.clone())).map_err(failed)?;
            let (wide, _) = sheet.estimate_text_size(words, &style).map_err(failed)?;
            left += 62 + i32::try_from(wide).map_err(failed)?;
        }
        Ok(())
    })
}
