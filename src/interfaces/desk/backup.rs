//! Downloads a backup at the desk, encrypted to the seller's key.

use std::io;
use std::io::{ErrorKind, Write};

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::rt::task::spawn_blocking;
use actix_web::web::{Bytes, Data, ServiceConfig};
use actix_web::{HttpResponse, web};
use anyhow::Context;
use askama::Template;
use futures_util::Stream;
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::actions;
use crate::actions::{Backup, BackupError};
use crate::infra::backup::Stop;
use crate::infra::store;
use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::session::{
    Seller, WRONG_PASSWORD_OR_CODE, confirms_password_and_code,
};
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::{StreamedBody, now};

pub fn addresses(config: &mut ServiceConfig) {
    config
        .route("/account/backup", web::get().to(show))
        .route("/account/backup", web::post().to(download));
}

/// Units: parts of up to 64 KB that wait to be sent.
const MAX_WAITING: usize = 4;
/// What a backup holds in memory while it is sent. Units: bytes.
const IN_MEMORY: u64 = 4 * 1024 * 1024;

#[derive(Template)]
#[template(path = "desk/backup.html")]
struct BackupPage<'a> {
    layout: DeskLayout<'a>,
    /// The fingerprint of the seller's key; empty: there is none that can be used.
    key: String,
    is_faulty: bool,
    has_factor: bool,
    without_images: bool,
    is_wrong: bool,
    fault: Option<String>,
}

impl<'a> BackupPage<'a> {
    async fn new(desk: &Desk, seller: &'a Seller) -> Result<Self, DeskError> {
        let lock = store::login::find_credentials(&mut *desk.shop.db.reader().await?).await?;
        let key = desk.shop.availability.encryption_key(now());
        Ok(Self {
            layout: DeskLayout::new(seller, "/account"),
            is_faulty: key.is_err(),
            key: key.ok().flatten().map(|key| key.fingerprint_for_people()).unwrap_or_default(),
            has_factor: lock.factor.is_some(),
            without_images: false,
            is_wrong: false,
            fault: None,
        })
    }
}

async fn show(desk: Data<Desk>, seller: Seller) -> DeskResult {
    page(StatusCode::OK, &BackupPage::new(&desk, &seller).await?)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BackupForm {
    password: String,
    code: String,
    without_images: String,
}

async fn download(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<BackupForm>,
) -> DeskResult {
    let without_images = !form.without_images.is_empty();
    let fault = if confirms_password_and_code(&desk, &form.password, &form.code).await? {
        let desk = desk.clone();
        // In its own task: it ends cleanly if the browser does not wait.
        let made = actix_web::rt::spawn(async move {
            let layout = desk.layout.clone();
            actions::back_up_at_desk(&desk.shop, layout, without_images, now()).await
        });
        match made.await.context("make the backup")? {
            Ok(backup) => return Ok(send(backup)),
            Err(BackupError::Broken(error)) => return Err(error.into()),
            Err(refused) => format!("No backup was made: {refused}."),
        }
    } else {
        WRONG_PASSWORD_OR_CODE.to_owned()
    };
    let mut template = BackupPage::new(&desk, &seller).await?;
    template.without_images = without_images;
    template.is_wrong = fault == WRONG_PASSWORD_OR_CODE;
    template.fault = Some(fault);
    page(StatusCode::UNPROCESSABLE_ENTITY, &template)
}

fn send(backup: Backup) -> HttpResponse {
    let name = format!("shop-backup-{}.asc", now().short_day());
    let (parts, sent) = mpsc::channel(MAX_WAITING);
    spawn_blocking(move || {
        let written = backup.write(PartWriter(parts.clone()), Stop::default());
        if let Err(error) = written {
            // Also if the browser has disconnected.
            tracing::warn!("the backup was not sent completely: {error:#}");
            // The response ends without its last part, so the browser knows that it is not complete.
            let _ = parts.blocking_send(Err(ErrorKind::BrokenPipe.into()));
        }
    });
    let mut response = HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/octet-stream"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .streaming(stream(sent));
    response.extensions_mut().insert(StreamedBody(IN_MEMORY));
    response
}

fn stream(sent: mpsc::Receiver<io::Result<Bytes>>) -> impl Stream<Item = io::Result<Bytes>> {
    futures_util::stream::unfold(sent, |mut sent| async move {
        let part = sent.recv().await?;
        Some((part, sent))
    })
}

/// Waits until the browser has read what was written before.
struct PartWriter(mpsc::Sender<io::Result<Bytes>>);

impl Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = Bytes::copy_from_slice(bytes);
        self.0.blocking_send(Ok(part)).map_err(|_| ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
