//! What an order delivers: its part of the order's page, and the files.

use std::io;

use actix_web::body::SizedStream;
use actix_web::http::{Method, StatusCode, header};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use futures_util::Stream;
use futures_util::stream::unfold;

use crate::actions;
use crate::actions::{DeliveredFile, DeliveredLine, Download, DownloadError, Shop};
use crate::domain::orders::{BuyerIdentity, Order};
use crate::domain::values::{FileName, byte_size};
use crate::interfaces::http::{RangeRequest, SANDBOX, StreamedBody, requested_range};
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::open_order::find_open;
use crate::interfaces::web::texts::{Text, day, text};

/// One line of the order, with what it delivers.
pub struct PurchaseView {
    pub name: String,
    pub files: Vec<FileView>,
    pub codes: Vec<String>,
    pub text: String,
}

pub struct FileView {
    /// Empty: it cannot be downloaded now.
    pub href: String,
    pub name: FileName,
    pub notes: Vec<Text<'static>>,
}

/// Units: bytes that are read at once.
const CHUNK: u64 = 64 * 1024;
/// Units: bytes that are counted at once, before the first of them is sent. At least a chunk.
const COUNTED: u64 = 1024 * 1024;

/// What the order's page delivers; empty before the payment is confirmed.
pub async fn list_purchases(
    context: &RequestContext,
    order: &Order,
    key: &BuyerIdentity,
) -> Result<Vec<PurchaseView>, PageError> {
    let app = &context.app;
    let now = app.trusted_now().await?;
    let lines = actions::list_delivered(&app.shop, order, key, now).await?;
    Ok(lines.into_iter().map(PurchaseView::new).collect())
}

impl PurchaseView {
    fn new(line: DeliveredLine) -> Self {
        let DeliveredLine { name, files, codes, text } = line;
        Self { name, files: files.into_iter().map(FileView::new).collect(), codes, text }
    }
}

impl FileView {
    fn new(file: DeliveredFile) -> Self {
        let DeliveredFile { position, name, size, left, until, is_over } = file;
        let mut notes = Vec::new();
        match size {
            Some(size) => notes.push(text("order-download-size").with("size", byte_size(size))),
            None => notes.push(text("order-download-missing")),
        }
        if is_over {
            notes.push(text("order-download-over"));
        } else {
            notes.extend(left.map(|left| text("order-downloads-left").count("n", left)));
            let last = until.map(|until| until.plus_days(-1));
            notes.extend(last.map(|last| text("order-download-until").with("day", day(last))));
        }
        let is_there = size.is_some() && !is_over;
        let href = if is_there { format!("/order/download/{position}") } else { String::new() };
        Self { href, name, notes }
    }
}

pub async fn download(context: RequestContext) -> Result<HttpResponse, PageError> {
    let order = find_open(&context).await?;
    let position = context.path_part("position").parse().map_err(|_| PageError::NotFound)?;
    let shop = &context.app.shop;
    let now = context.app.trusted_now().await?;
    let download = match actions::open_download(shop, &order, position, now).await {
        Ok(download) => download,
        Err(DownloadError::NotFound) => return Err(PageError::NotFound),
        Err(DownloadError::Over) => return Err(PageError::DownloadOver),
        Err(DownloadError::Missing) => return Err(PageError::DownloadMissing),
        Err(DownloadError::Broken(error)) => return Err(error.into()),
    };
    let size = download.file.size;
    let tag = format!("\"{}\"", download.tag);
    let (status, first, length) = match requested_range(context.request.headers(), size, &tag) {
        RangeRequest::Whole => (StatusCode::OK, 0, size),
        RangeRequest::Part(first, last) => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        RangeRequest::Unsatisfiable => {
            return Ok(refuse(StatusCode::RANGE_NOT_SATISFIABLE)
                .insert_header((header::CONTENT_RANGE, format!("bytes */{size}")))
                .finish());
        }
        RangeRequest::Changed => return Ok(refuse(StatusCode::PRECONDITION_FAILED).finish()),
    };
    if !download.may_begin(first) {
        return Err(PageError::DownloadOver);
    }
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::CONTENT_TYPE, download.file.content_type))
        .insert_header((header::CONTENT_DISPOSITION, attachment(&download.name)))
        .insert_header((header::CONTENT_SECURITY_POLICY, SANDBOX))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::ETAG, tag));
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {first}-{}/{size}", first + length - 1);
        response.insert_header((header::CONTENT_RANGE, range));
    }
    // Of a HEAD the server sends no body, but would read it.
    let left = if context.request.method() == Method::HEAD { 0 } else { length };
    let sent = Sending { shop: shop.clone(), download, position: first, left, counted: 0 };
    let mut response = response.body(SizedStream::new(length, Box::pin(chunks(sent))));
    response.extensions_mut().insert(StreamedBody(2 * CHUNK));
    Ok(response)
}

/// A refusal for a program that continues a download: it needs no page.
fn refuse(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.content_type("text/plain; charset=utf-8");
    response
}

/// Saved under its name, never shown. Names with other letters are given twice, as RFC 6266 recommends.
fn attachment(name: &FileName) -> String {
    let name = name.as_str();
    if name.is_ascii() {
        return format!("attachment; filename=\"{name}\"");
    }
    let plain: String = name.chars().map(|c| if c.is_ascii() { c } else { '_' }).collect();
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// A file that is being sent.
struct Sending {
    shop: Shop,
    download: Download,
    position: u64,
    left: u64,
    /// Units: bytes that are counted and were not sent yet.
    counted: u64,
}

fn chunks(sending: Sending) -> impl Stream<Item = io::Result<Bytes>> {
    unfold(sending, |mut sending| async move {
        if sending.left == 0 {
            return None;
        }
        let chunk = sending.next_chunk().await;
        if chunk.is_err() {
            // The response ends short of its length, so the client knows that it is not complete.
            sending.left = 0;
        }
        Some((chunk, sending))
    })
}

impl Sending {
    async fn next_chunk(&mut self) -> io::Result<Bytes> {
        // Bytes count before they are sent: who breaks off has got none uncounted.
        if self.counted == 0 {
            let block = self.left.min(COUNTED);
            let counts = self.download.count(&self.shop, block).await;
            if !counts.map_err(io::Error::other)? {
                return Err(io::ErrorKind::QuotaExceeded.into());
            }
            self.counted = block;
        }
        let length = self.counted.min(CHUNK);
        let bytes = self.download.read_at(self.position, length).await?;
        self.position += length;
        self.left -= length;
        self.counted -= length;
        Ok(Bytes::from(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_saved_under_its_name_in_every_language() {
        let check = |name: &str, expected: &str| {
            assert_eq!(attachment(&FileName::parse(name).unwrap()), expected);
        };
        check("My guide (2).pdf", "attachment; filename=\"My guide (2).pdf\"");
        check(
            "K\u{e4}se 1.pdf",
            "attachment; filename=\"K_se 1.pdf\"; filename*=UTF-8''K%C3%A4se%201.pdf",
        );
    }
}
