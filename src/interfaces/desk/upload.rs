//! Reads forms with files, within limits of size and time.

use std::time::Duration;

use actix_multipart::{Field, Multipart};
use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::{Bytes, Payload};
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

/// A file of a form while it arrives.
pub struct ArrivingFile<'a> {
    /// The form's field.
    pub field: String,
    /// As the browser sent it: any text.
    pub name: String,
    /// The fields that precede it.
    pub fields: &'a FormFields,
    part: &'a mut Field,
    body: &'a mut Body,
}

/// How much of a request is read.
#[derive(Clone, Copy)]
pub struct UploadLimits {
    /// Units: bytes. A longer request is not read to its end.
    pub bytes: u64,
    /// For all bytes. A Tor circuit carries a few hundred kilobytes per second.
    pub time: Duration,
}

/// Of forms with pictures.
const PICTURES: UploadLimits =
    UploadLimits { bytes: 400 << 20, time: Duration::from_secs(60 * 60) };
/// Units: bytes of one file, of all files in memory, and of the other fields.
const MAX_OF_FILE: usize = 32 * 1024 * 1024;
const MAX_OF_FILES: usize = 100 * 1024 * 1024;
const MAX_OF_FIELDS: usize = 512 * 1024;
const MAX_PARTS: usize = 2_000;
/// For the next bytes.
const CHUNK_TIME: Duration = Duration::from_secs(60);

/// What was read of a request.
struct Body {
    n_read: u64,
    most: u64,
    /// Whether the current part was read to its end: it must not be polled again.
    is_part_over: bool,
}

impl Body {
    /// The next bytes of a part; `None` at its end.
    async fn next(&mut self, part: &mut Field) -> Result<Option<Bytes>, DeskError> {
        if self.is_part_over {
            return Ok(None);
        }
        let Some(chunk) = in_time(part.next()).await? else {
            self.is_part_over = true;
            return Ok(None);
        };
        let chunk = chunk.map_err(|_| FormError::TooSlow)?;
        self.n_read += chunk.len() as u64;
        if self.most < self.n_read {
            return Err(FormError::TooLarge.into());
        }
        Ok(Some(chunk))
    }

    /// `None` if the part is longer than `room`; it is still read to its end, so that the next part can be read.
    /// `expected`: its maximum length, allocated at once so that it is never copied.
    async fn read(
        &mut self,
        part: &mut Field,
        expected: usize,
        room: usize,
    ) -> Result<Option<Vec<u8>>, DeskError> {
        let mut bytes = Some(Vec::with_capacity(expected));
        while let Some(chunk) = self.next(part).await? {
            bytes = bytes.filter(|bytes| bytes.len() + chunk.len() <= room);
            if let Some(bytes) = &mut bytes {
                bytes.extend_from_slice(&chunk);
            }
        }
        Ok(bytes)
    }
}

impl ArrivingFile<'_> {
    /// The next bytes; `None` at its end.
    ///
    /// # Errors
    /// The request is too large or too slow.
    pub async fn next(&mut self) -> Result<Option<Bytes>, DeskError> {
        self.body.next(self.part).await
    }
}

/// Reads a form and hands over each file in memory as soon as it is complete; the browser waits until `take` returns.
///
/// # Errors
/// As [`read_files`].
pub async fn read_upload(
    request: &HttpRequest,
    body: Payload,
    mut take: impl AsyncFnMut(UploadedFile) -> Result<(), DeskError>,
) -> Result<(FormFields, HeldMemory), DeskError> {
    let length = announced_length(request);
    let mut of_files = 0;
    read_files(request, body, PICTURES, async |file: ArrivingFile<'_>| {
        let ArrivingFile { field, name, part, body, .. } = file;
        let room = MAX_OF_FILE.min(MAX_OF_FILES.saturating_sub(of_files));
        // All the memory that the file may take is taken before its first byte: waiting in the middle would block others.
        let left = length.saturating_sub(usize::try_from(body.n_read).unwrap_or(usize::MAX));
        let room = room.min(left);
        let mut held = FILES.take(room).await?;
        let bytes = body.read(part, room, room).await?;
        let is_too_large = bytes.is_none();
        let bytes = bytes.unwrap_or_default();
        held.shrink_to(bytes.len());
        of_files += bytes.len();
        take(UploadedFile { field, name, bytes, is_too_large, held }).await
    })
    .await
}

/// Reads a form and hands over each file as it arrives. A file is not read before the form's token, which precedes it, was
/// checked.
///
/// # Errors
/// Another session's form, or a body that is too large, too slow or of another content type.
pub async fn read_files(
    request: &HttpRequest,
    body: Payload,
    limits: UploadLimits,
    take: impl AsyncFnMut(ArrivingFile<'_>) -> Result<(), DeskError>,
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
    let body = Body { n_read: 0, most: limits.bytes, is_part_over: false };
    let fields = tokio::time::timeout(limits.time, read_parts(parts, request, body, take))
        .await
        .map_err(|_| FormError::TooSlow)??;
    remember_input(request, &fields);
    Ok((fields, held))
}

async fn read_parts(
    mut parts: Multipart,
    request: &HttpRequest,
    mut body: Body,
    mut take: impl AsyncFnMut(ArrivingFile<'_>) -> Result<(), DeskError>,
) -> Result<FormFields, DeskError> {
    let mut fields = FormFields::new();
    let mut is_verified = false;
    let (mut n_parts, mut of_fields) = (0, 0);
    while let Some(part) = in_time(parts.next()).await? {
        let mut part = part.map_err(|_| FormError::ContentType)?;
        body.is_part_over = false;
        n_parts += 1;
        if MAX_PARTS < n_parts {
            return Err(FormError::TooLarge.into());
        }
        let field = part.name().unwrap_or_default().to_owned();
        let Some(name) = file_name(&part) else {
            let room = MAX_OF_FIELDS.saturating_sub(of_fields);
            let value = body.read(&mut part, 0, room).await?.ok_or(FormError::TooLarge)?;
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
        // If no file was chosen, browsers send an empty one without a name.
        if !name.is_empty() {
            let (part, body) = (&mut part, &mut body);
            take(ArrivingFile { field, name, fields: &fields, part, body }).await?;
        }
        while body.next(&mut part).await?.is_some() {}
    }
    check_token(request, &fields)?;
    Ok(fields)
}

fn file_name(part: &Field) -> Option<String> {
    part.content_disposition()?.get_filename().map(str::to_owned)
}

async fn in_time<T>(next: impl Future<Output = T>) -> Result<T, DeskError> {
    tokio::time::timeout(CHUNK_TIME, next).await.map_err(|_| FormError::TooSlow.into())
}
