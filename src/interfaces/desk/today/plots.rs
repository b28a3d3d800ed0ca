//! The plots of the first page.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::domain::values::Currency;
use crate::infra::plots::{Bar, Column, Columns, DrawError, draw_bars, draw_columns};
use crate::infra::store;
use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::desk::today::weeks::{WeekFigures, by_week, coins, first_week};
use crate::interfaces::http::{now, query_field};

/// Units: best sellers.
pub const N_BEST: i64 = 8;

pub async fn show_orders(desk: Data<Desk>, _seller: Seller) -> DeskResult {
    let weeks = read_weeks(&desk, None).await?;
    draw(move || {
        let columns: Vec<Column> =
            weeks.iter().map(|week| column(week, week.paid, week.orders - week.paid)).collect();
        let legend = ("paid", "unpaid");
        draw_columns(&Columns { legend, columns: &columns, write: &|n| n.to_string() })
    })
    .await
}

pub async fn show_revenue(request: HttpRequest, desk: Data<Desk>, _seller: Seller) -> DeskResult {
    let currency = Currency::parse(&query_field(&request, "currency"));
    let currency = currency.map_err(|_| DeskError::NotFound)?;
    let weeks = read_weeks(&desk, Some(&currency)).await?;
    draw(move || {
        let columns: Vec<Column> =
            weeks.iter().map(|week| column(week, week.received, 0)).collect();
        let legend = (&*format!("{currency} received"), "");
        draw_columns(&Columns { legend, columns: &columns, write: &coins })
    })
    .await
}

pub async fn show_best(desk: Data<Desk>, _seller: Seller) -> DeskResult {
    let best = store::statistics::list_best(&mut *desk.shop.db.reader().await?, N_BEST).await?;
    let bars: Vec<Bar> =
        best.into_iter().map(|best| Bar { name: best.name, n: best.quantity }).collect();
    draw(move || draw_bars(&bars)).await
}

async fn read_weeks(
    desk: &Desk,
    currency: Option<&Currency>,
) -> Result<Vec<WeekFigures>, DeskError> {
    let now = now();
    let (first, end) = (first_week(now), now.plus_days(1));
    let days = store::statistics::list_days(&mut *desk.shop.db.reader().await?, first, end).await?;
    Ok(by_week(&days, currency, now))
}

/// The first week of a month is labelled with its name.
fn column(week: &WeekFigures, lower: i64, upper: i64) -> Column {
    let monday = week.monday.short_day();
    let label = if &monday[8..] <= "07" { week.monday.month() } else { String::new() };
    Column { label, lower, upper }
}

/// Drawing takes a few milliseconds, so it runs on a thread for blocking work.
async fn draw(picture: impl FnOnce() -> Result<Vec<u8>, DrawError> + Send + 'static) -> DeskResult {
    let drawn = web::block(picture).await.map_err(anyhow::Error::from)?;
    let bytes = drawn.map_err(anyhow::Error::from)?;
    Ok(HttpResponse::Ok().content_type("image/png").body(bytes))
}
