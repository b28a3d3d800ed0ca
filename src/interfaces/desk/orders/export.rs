//! Downloads the filtered orders for the seller's accounting.

use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};

use crate::actions::{ExportFormat, OrderExport, Shop};
use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::desk::orders::filters::Filters;
use crate::interfaces::desk::page::see_other;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::query_field;

/// Of the list's filters: status or task, currency and days. Nothing of a buyer is in it.
pub async fn download(request: HttpRequest, desk: Data<Desk>, _seller: Seller) -> DeskResult {
    let filters = Filters::of(&request);
    let (query, faults) = filters.read();
    // The list shows what is wrong with the filters.
    if !faults.is_empty() || !filters.can_export() {
        return Ok(see_other(&filters.address("")));
    }
    let (format, name, content_type) = match query_field(&request, "format").as_str() {
        "json" => (ExportFormat::Json, "orders.json", "application/json"),
        "csv-bom" => (ExportFormat::CsvWithMark, "orders.csv", "text/csv; charset=utf-8"),
        _ => (ExportFormat::Csv, "orders.csv", "text/csv; charset=utf-8"),
    };
    let export = OrderExport::new(query.filter, format);
    let parts = futures_util::stream::try_unfold(
        (export, desk.shop.clone()),
        |(mut export, shop): (OrderExport, Shop)| async move {
            let part = export.next(&shop).await?;
            Ok::<_, DeskError>(part.map(|part| (Bytes::from(part), (export, shop))))
        },
    );
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, content_type))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .streaming(parts))
}
