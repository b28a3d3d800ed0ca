//! Reads uploaded files within bounds.

use std::time::Duration;

use actix_multipart::{Field, Multipart};
use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::Payload;
use futures_util::StreamExt;

use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::extract::check_token;
use crate::interfaces::desk::form::{FromFields, remember_typed};
use crate::interfaces::desk::memory::{COPIES, FILES, HeldMemory, UPLOADS};
use crate::interfaces::http::{
    FormError, FormFields, accept_counted_body, announced_length, check_site,
};

/// A file that came with a form.
pub struct UploadedFile {
    /// Of the form.
    pub field: String,
    /// As the seller's own computer calls it: nobody's word that it is a name.
    pub name: String,
    pub bytes: Vec<u8>,
    /// Whether it is larger than a file or all files may be; then nothing of it was kept.
    pub is_too_heavy: bool,
    /// To be kept for as long as the bytes are.
    pub held: HeldMemory,
}

/// Units: bytes of one file, of all files, and of everything else. What is longer than all that is not read to its end.
const MOST_OF_FILE: usize = 32 * 1024 * 1024;
const MOST_OF_FILES: usize = 100 * 1024 * 1024;
const MOST_OF_FIELDS: usize = 512 * 1024;
const MOST_READ: usize = 400 * 1024 * 1024;
const MOST_PARTS: usize = 2_000;
/// How long the next bytes may take, and how long all of them: a circuit carries a few hundred kilobytes in a second.
const CHUNK_TIME: Duration = Duration::from_secs(60);
const BODY_TIME: Duration = Duration::from_secs(60 * 60);

/// Reads a form with one file into memory. `field` is the file's; others are
/// dropped.
///
/// # Errors
/// A page that says what to do: a form of somebody else's, a body too large, too slow or of another kind, or too many at
/// once.
pub async fn read_upload<T: FromFields>(
    request: &HttpRequest,
    body: Payload,
    field: &str,
) -> Result<(T, Option<UploadedFile>, HeldMemory), DeskError> {
    let mut found = None;
    let (fields, held) = read_each(request, body, async |file| {
        if found.is_none() && file.field == field {
            found = Some(file);
        }
        Ok(())
    })
    .await?;
    Ok((T::from_fields(fields)?, found, held))
}

/// The same, and each file is handed over as soon as it is whole; while that is busy, the browser waits. Nothing of a
/// file is looked at before the form's token, which stands before it, and no file ever touches the disk.
pub async fn read_each(
    request: &HttpRequest,
    body: Payload,
    take: impl AsyncFnMut(UploadedFile) -> Result<(), DeskError>,
) -> Result<(FormFields, HeldMemory), DeskError> {
    check_site(request)?;
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("multipart/form-data") {
        return Err(FormError::ContentType.into());
    }
    accept_counted_body(request);
    let parts = Multipart::new(request.headers(), body);
    let held = UPLOADS.take(COPIES * announced_length(request).min(MOST_OF_FIELDS)).await?;
    let fields = tokio::time::timeout(BODY_TIME, read_parts(parts, request, take))
        .await
        .map_err(|_| FormError::TooSlow)??;
    remember_typed(request, &fields);
    Ok((fields, held))
}

async fn read_parts(
    mut parts: Multipart,
    request: &HttpRequest,
    mut take: impl AsyncFnMut(UploadedFile) -> Result<(), DeskError>,
) -> Result<FormFields, DeskError> {
    let length = announced_length(request);
    let mut fields = FormFields::new();
    let mut is_known = false;
    let (mut n_parts, mut of_fields, mut of_files, mut heard) = (0, 0, 0, 0);
    while let Some(part) = in_time(parts.next()).await? {
        let mut part = part.map_err(|_| FormError::ContentType)?;
        n_parts += 1;
        if MOST_PARTS < n_parts {
            return Err(FormError::TooLarge.into());
        }
        let field = part.name().unwrap_or_default().to_owned();
        let Some(name) = file_name(&part) else {
            let room = MOST_OF_FIELDS.saturating_sub(of_fields);
            let value =
                read_part(&mut part, 0, room, &mut heard).await?.ok_or(FormError::TooLarge)?;
            of_fields += field.len() + value.len();
            // A browser sends the ends of lines as mail does.
            let value = String::from_utf8_lossy(&value).replace("\r\n", "\n");
            fields.push((field, value));
            continue;
        };
        if !is_known {
            // Without the token no picture is unpacked.
            check_token(request, &fields)?;
            is_known = true;
        }
        let room = MOST_OF_FILE.min(MOST_OF_FILES.saturating_sub(of_files));
        // What the file may take is held before its first byte comes: a wait in the middle would hold others up.
        let room = room.min(length.saturating_sub(heard));
        let mut held = FILES.take(room).await?;
        let bytes = read_part(&mut part, room, room, &mut heard).await?;
        let is_too_heavy = bytes.is_none();
        let bytes = bytes.unwrap_or_default();
        held.shrink_to(bytes.len());
        of_files += bytes.len();
        // An empty choice of files comes as a file without a name.
        if !(name.is_empty() && bytes.is_empty()) {
            take(UploadedFile { field, name, bytes, is_too_heavy, held }).await?;
        }
    }
    check_token(request, &fields)?;
    Ok(fields)
}

fn file_name(part: &Field) -> Option<String> {
    part.content_disposition()?.get_filename().map(str::to_owned)
}

/// `None` where it is longer than there is room; it is read to its end, so that what follows can be read. `expected`: how
/// long it will be at most, so that it is never copied while it grows.
async fn read_part(
    part: &mut Field,
    expected: usize,
    room: usize,
    heard: &mut usize,
) -> Result<Option<Vec<u8>>, DeskError> {
    let mut bytes = Some(Vec::with_capacity(expected));
    while let Some(chunk) = in_time(part.next()).await? {
        let chunk = chunk.map_err(|_| FormError::TooSlow)?;
        *heard += chunk.len();
        if MOST_READ < *heard {
            return Err(FormError::TooLarge.into());
        }
        bytes = bytes.filter(|bytes| bytes.len() + chunk.len() <= room);
        if let Some(bytes) = &mut bytes {
            bytes.extend_from_slice(&chunk);
        }
    }
    Ok(bytes)
}

async fn in_time<T>(next: impl Future<Output = T>) -> Result<T, DeskError> {
    tokio::time::timeout(CHUNK_TIME, next).await.map_err(|_| FormError::TooSlow.into())
}
