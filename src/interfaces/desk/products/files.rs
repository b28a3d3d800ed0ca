//! The files that digital products deliver.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use askama::Template;
use serde::Deserialize;

use crate::actions;
use crate::actions::{AddFileError, DeleteFileError, DigitalFile};
use crate::domain::values::{FileName, byte_size, plural};
use crate::interfaces::desk::confirmation::{ConfirmationPage, Obstacles};
use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{encoded, page, see_other};
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::desk::upload::{ArrivingFile, UploadLimits, read_files};
use crate::interfaces::http::{now, query_field};

const ADDRESS: &str = "/products/files";
const NOTICES: [(&str, &str); 2] =
    [("uploaded", "The files were uploaded."), ("deleted", "The file was deleted.")];

/// A circuit takes half a day for this.
const LIMITS: UploadLimits =
    UploadLimits { bytes: 4 << 30, time: Duration::from_secs(12 * 60 * 60) };
/// Units: bytes that are written at once.
const PIECE: usize = 1 << 20;

#[derive(Template)]
#[template(path = "desk/products/files.html")]
struct FilesPage<'a> {
    layout: DeskLayout<'a>,
    files: Vec<FileView>,
    /// Why files were not added, in sentences.
    refused: Vec<String>,
    /// The names of those that were added nevertheless.
    added: Vec<String>,
}

struct FileView {
    name: String,
    size: String,
    products: String,
    n_orders: i64,
    /// Where it is deleted.
    address: String,
}

impl FileView {
    fn new(file: DigitalFile) -> Self {
        let name = file.name.to_string();
        Self {
            size: byte_size(file.size),
            products: file.used.products.join(", "),
            n_orders: file.used.n_orders,
            address: format!("{ADDRESS}?delete={}", encoded(&name)),
            name,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct DeletionForm {
    file: String,
}

pub async fn show(request: HttpRequest, desk: Data<Desk>, seller: Seller) -> DeskResult {
    let name = query_field(&request, "delete");
    if !name.is_empty() {
        return ask_deletion(&desk, &seller, &parse_name(&name)?, StatusCode::OK).await;
    }
    let layout = DeskLayout::new(&seller, "/products").with_notice(&request, &NOTICES);
    show_files(&desk, layout, Upload::default()).await
}

/// What came of the files of a form.
#[derive(Default)]
struct Upload {
    added: Vec<String>,
    refused: Vec<String>,
}

async fn show_files(desk: &Desk, layout: DeskLayout<'_>, upload: Upload) -> DeskResult {
    let files = actions::list_file_uses(&desk.shop).await?;
    let files = files.into_iter().map(FileView::new).collect();
    let Upload { added, refused } = upload;
    let status = if refused.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    page(status, &FilesPage { layout, files, refused, added })
}

pub async fn submit(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
    body: Payload,
) -> DeskResult {
    let mut upload = Upload::default();
    read_files(&request, body, LIMITS, async |file: ArrivingFile<'_>| {
        let shown = file.name.clone();
        match take_file(&desk, file).await? {
            Ok(()) => upload.added.push(shown),
            Err(why) => upload.refused.push(format!("{shown}: {why}")),
        }
        Ok(())
    })
    .await?;
    if upload.added.is_empty() && upload.refused.is_empty() {
        upload.refused.push("Please choose a file.".to_owned());
    }
    if upload.refused.is_empty() {
        return Ok(see_other(&format!("{ADDRESS}?done=uploaded")));
    }
    show_files(&desk, DeskLayout::new(&seller, "/products"), upload).await
}

/// Adds the file, or says why not.
async fn take_file(
    desk: &Desk,
    mut arriving: ArrivingFile<'_>,
) -> Result<Result<(), String>, DeskError> {
    let name = match FileName::parse(&arriving.name) {
        Ok(name) => name,
        Err(why) => return Ok(Err(format!("Please rename the file: {why}."))),
    };
    let replaces = arriving.fields.iter().any(|(field, _)| field == "replace");
    let added = async {
        let mut file = actions::begin_file(&desk.shop).await?;
        let mut piece = Vec::with_capacity(PIECE);
        while let Some(chunk) = arriving.next().await? {
            piece.extend_from_slice(&chunk);
            if PIECE <= piece.len() {
                file = actions::write_file(file, std::mem::take(&mut piece)).await?;
            }
        }
        file = actions::write_file(file, piece).await?;
        actions::add_file(&desk.shop, file, name, replaces, now()).await?;
        Ok(())
    };
    match added.await {
        Ok(()) => Ok(Ok(())),
        Err(NotAdded::Desk(error)) => Err(error),
        Err(NotAdded::File(AddFileError::Broken(error))) => Err(error.into()),
        Err(NotAdded::File(AddFileError::Exists)) => {
            Ok(Err("A file of this name is there already. Tick “Replace”, or rename the file."
                .to_owned()))
        }
        Err(NotAdded::File(AddFileError::DiskFull)) => {
            Ok(Err("The disk is full. Free some space, and upload the file again.".to_owned()))
        }
    }
}

/// Why a file was not added.
enum NotAdded {
    Desk(DeskError),
    File(AddFileError),
}

impl From<DeskError> for NotAdded {
    fn from(error: DeskError) -> Self {
        Self::Desk(error)
    }
}

impl From<AddFileError> for NotAdded {
    fn from(error: AddFileError) -> Self {
        Self::File(error)
    }
}

pub async fn delete(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<DeletionForm>,
) -> DeskResult {
    let name = parse_name(&form.file)?;
    match actions::delete_file(&desk.shop, &name, now()).await {
        Ok(()) => Ok(see_other(&format!("{ADDRESS}?done=deleted"))),
        Err(DeleteFileError::NotFound) => Err(DeskError::NotFound),
        Err(DeleteFileError::InUse(_)) => {
            ask_deletion(&desk, &seller, &name, StatusCode::CONFLICT).await
        }
        Err(DeleteFileError::Broken(error)) => Err(error.into()),
    }
}

async fn ask_deletion(
    desk: &Desk,
    seller: &Seller,
    name: &FileName,
    status: StatusCode,
) -> DeskResult {
    let files = actions::list_file_uses(&desk.shop).await?;
    let file = files.into_iter().find(|file| file.name == *name).ok_or(DeskError::NotFound)?;
    let layout = DeskLayout::new(seller, "/products");
    let title = format!("Delete {name}");
    let lost = match file.used.n_orders {
        0 => String::new(),
        n => format!("{} can no longer download it.", plural(n, "order", "orders")),
    };
    let mut template = ConfirmationPage::new(layout, title, format!("{ADDRESS}/delete"))
        .hidden_field("file", name)
        .back_to(ADDRESS, "Files")
        .consequences(["This cannot be undone: the file is deleted from db/files.", &lost]);
    if !file.used.products.is_empty() {
        let text = "Products deliver this file. Remove it from them first:".to_owned();
        template.obstacles = Some(Obstacles { text, names: file.used.products });
    }
    page(status, &template)
}

fn parse_name(text: &str) -> Result<FileName, DeskError> {
    FileName::parse(text).map_err(|_| DeskError::NotFound)
}
