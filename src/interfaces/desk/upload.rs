//! Reads forms with files, within limits of size and time.

use std::time::Duration;

use actix_multipart::{Field, Multipart};
use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::Payload;
use futures_util::StreamExt;

use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::extract::check_token;
use crate::interfaces::desk::form::remember_input;
use crate::interfaces::desk::memory::{COPIES, FILES, HeldMemory, UPLOADS};
use crate::interfaces::http::{
    FormError, FormFields, accept_counted_body, announced_length, check_site,
};

/// A file that came with a form.
pub struct UploadedFile {
    /// The form's field.
    pub field: String,
    /// As the browser sent it: any text.
    pub name: String,
    pub bytes: Vec<u8>,
    /// Whether it exceeds the limit of one file or of all files; then `bytes` is empty.
    pub is_too_large: bool,
    /// The memory of `bytes`: to be dropped with them.
    pub held: HeldMemory,
}

/// Units: bytes of one file, of all files, of the other fields, and of the request: a longer one is not read to its end.
const MAX_OF_FILE: usize = 32 * 1024 * 1024;
const MAX_OF_FILES: usize = 100 * 1024 * 1024;
const MAX_OF_FIELDS: usize = 512 * 1024;
const MAX_READ: usize = 400 * 1024 * 1024;
const MAX_PARTS: usize = 2_000;
/// For the next bytes, and for all of them. A Tor circuit carries a few hundred kilobytes per second.
const CHUNK_TIME: Duration = Duration::from_secs(60);
const BODY_TIME: Duration = Duration::from_secs(60 * 60);

/// Reads a form and hands over each file as soon as it is complete; the browser waits until `take` returns. A file is not
/// read before the form's token, which precedes it, was checked. No file is written to the disk.
///
/// # Errors
/// Another session's form, or a body that is too large, too slow or of another content type.
pub async fn read_upload(
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
    let held = UPLOADS.take(COPIES * announced_length(request).min(MAX_OF_FIELDS)).await?;
    let fields = tokio::time::timeout(BODY_TIME, read_parts(parts, request, take))
        .await
        .map_err(|_| FormError::TooSlow)??;
    remember_input(request, &fields);
    Ok((fields, held))
}

async fn read_parts(
    mut parts: Multipart,
    request: &HttpRequest,
    mut take: impl AsyncFnMut(UploadedFile) -> Result<(), DeskError>,
) -> Result<FormFields, DeskError> {
    let length = announced_length(request);
    let mut fields = FormFields::new();
    let mut is_verified = false;
    let (mut n_parts, mut of_fields, mut of_files, mut n_read) = (0, 0, 0, 0);
    while let Some(part) = in_time(parts.next()).await? {
        let mut part = part.map_err(|_| FormError::ContentType)?;
        n_parts += 1;
        if MAX_PARTS < n_parts {
            return Err(FormError::TooLarge.into());
        }
        let field = part.name().unwrap_or_default().to_owned();
        let Some(name) = file_name(&part) else {
            let room = MAX_OF_FIELDS.saturating_sub(of_fields);
            let value =
                read_part(&mut part, 0, room, &mut n_read).await?.ok_or(FormError::TooLarge)?;
            of_fields += field.len() + value.len();
            // Browsers send CRLF.
            let value = String::from_utf8_lossy(&value).replace("\r\n", "\n");
            fields.push((field, value));
            continue;
        };
        if !is_verified {
            check_token(request, &fields)?;
            is_verified = true;
        }
        let room = MAX_OF_FILE.min(MAX_OF_FILES.saturating_sub(of_files));
        // All the memory that the file may take is taken before its first byte: waiting in the middle would block others.
        let room = room.min(length.saturating_sub(n_read));
        let mut held = FILES.take(room).await?;
        let bytes = read_part(&mut part, room, room, &mut n_read).await?;
        let is_too_large = bytes.is_none();
        let bytes = bytes.unwrap_or_default();
        held.shrink_to(bytes.len());
        of_files += bytes.len();
        // If no file was chosen, browsers send an empty one without a name.
        if !(name.is_empty() && bytes.is_empty()) {
            take(UploadedFile { field, name, bytes, is_too_large, held }).await?;
        }
    }
    check_token(request, &fields)?;
    Ok(fields)
}

fn file_name(part: &Field) -> Option<String> {
    part.content_disposition()?.get_filename().map(str::to_owned)
}

/// `None` if it is longer than `room`; it is still read to its end, so that the next part can be read. `expected`: its
/// maximum length, allocated at once so that it is never copied.
async fn read_part(
    part: &mut Field,
    expected: usize,
    room: usize,
    n_read: &mut usize,
) -> Result<Option<Vec<u8>>, DeskError> {
    let mut bytes = Some(Vec::with_capacity(expected));
    while let Some(chunk) = in_time(part.next()).await? {
        let chunk = chunk.map_err(|_| FormError::TooSlow)?;
        *n_read += chunk.len();
        if MAX_READ < *n_read {
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
