//! Processes pictures in a subprocess, a bounded number of pixels at a time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Context;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::actions::Shop;
use crate::actions::render_picture::{columns, render_one};
use crate::infra::pictures::{Gallery, Originals, Picture, Source};

/// Decodes pictures: so many pixels at a time that a form full of pictures does not fill the memory.
#[derive(Clone)]
pub struct ImageWorker {
    capacity: Arc<Semaphore>,
    apart: Option<Arc<Subprocess>>,
}

/// Runs [`develop`] in a subprocess: the server process itself decodes no picture from outside.
pub type Subprocess = dyn Fn(PictureRequest) -> Answering + Send + Sync;
pub type Answering = Pin<Box<dyn Future<Output = io::Result<Vec<u8>>> + Send>>;

/// The input of [`develop`], in two parts: a picture may be large, and is never copied to prepend a header.
pub struct PictureRequest {
    /// Shape: a line of JSON.
    pub head: Vec<u8>,
    pub bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    job: Job,
    /// What the picture is called.
    name: String,
}

/// Units: pixels, width and height; then the names of the two files that show the picture so large.
pub(super) type Size = (u32, u32, String, String);

/// What became of a picture that products show.
#[derive(Deserialize)]
pub(super) struct Rendered {
    /// Its path in the seller's picture folder.
    pub file: String,
    pub fingerprint: String,
    /// Thumb, page and full.
    pub sizes: [Size; 3],
}

/// Units: millions of pixels. Two pictures of a phone fit; the largest accepted picture uses all of it.
const ROOM: u32 = 26;

impl Default for ImageWorker {
    /// In this process: for commands, which serve no buyers.
    fn default() -> Self {
        Self { capacity: Arc::new(Semaphore::new(ROOM as usize)), apart: None }
    }
}

/// What to do with a picture.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Job {
    /// Sanitize it, store it in the seller's folder and render it.
    Upload,
    /// Render a picture of the seller's folder.
    Original,
    /// Render it as the shop's logo.
    Logo,
}

/// Why a picture was not taken.
#[derive(Debug)]
pub enum PictureError {
    /// One sentence that says which picture it is and why.
    Refused(String),
    Broken(anyhow::Error),
}

broken_from!(PictureError);

impl ImageWorker {
    pub fn apart(apart: Arc<Subprocess>) -> Self {
        Self { apart: Some(apart), ..Self::default() }
    }

    /// Waits for capacity, then has it done. Returns what the job makes: a [`Rendered`], or the [`Size`] of a logo.
    ///
    /// # Errors
    /// [`PictureError::Refused`] if the picture cannot be decoded.
    pub(super) async fn develop<T: DeserializeOwned>(
        shop: &Shop,
        job: Job,
        megapixels: u32,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<T, PictureError> {
        let capacity = Arc::clone(&shop.image_worker.capacity);
        let permit = capacity.acquire_many_owned(megapixels.min(ROOM)).await;
        let permit = permit.context("wait for the image worker")?;
        let mut head = serde_json::to_vec(&Head { job, name: name.to_owned() })
            .context("write the job of a picture")?;
        head.push(b'\n');
        let request = PictureRequest { head, bytes };
        let answer = match &shop.image_worker.apart {
            Some(apart) => apart(request).await.context("decode a picture in a subprocess")?,
            None => {
                let (originals, gallery) = (shop.originals.clone(), shop.pictures.clone());
                let request = [request.head, request.bytes].concat();
                let done =
                    tokio::task::spawn_blocking(move || develop(&originals, &gallery, request));
                done.await.context("decode a picture")?
            }
        };
        drop(permit);
        // Without an answer it went over the limits of its process, or ended in the middle.
        let too_much =
            |_| Err(format!("the picture {name:?} could not be decoded: save it smaller"));
        let done: Result<T, String> = serde_json::from_slice(&answer).unwrap_or_else(too_much);
        done.map_err(PictureError::Refused)
    }
}

/// One picture, from the request's bytes to the answer's: decoded, cleaned, rendered, its files kept.
///
/// Shape of the request: a line of JSON, then the picture's bytes. Of the answer: JSON, `{"Ok": …}` with what the job
/// makes, or `{"Err": "a sentence"}`.
pub fn develop(originals: &Originals, gallery: &Gallery, request: Vec<u8>) -> Vec<u8> {
    let done = try_to_develop(originals, gallery, request);
    serde_json::to_vec(&done).expect("names and numbers can be written as JSON")
}

fn try_to_develop(
    originals: &Originals,
    gallery: &Gallery,
    mut request: Vec<u8>,
) -> Result<Value, String> {
    let n_head = request.iter().position(|byte| *byte == b'\n').map_or(request.len(), |at| at + 1);
    let head = serde_json::from_slice(&request[..n_head])
        .map_err(|error| format!("no such job: {error}"))?;
    // A second copy of the picture would stay in memory while it is decoded.
    request.drain(..n_head);
    let Head { job, name } = head;
    match job {
        Job::Upload => {
            let source =
                Source::of(name.clone(), request).map_err(|refused| refused.to_string())?;
            let sanitized = source.sanitized().map_err(|refused| refused.to_string())?;
            let file = originals.keep(&sanitized, &name).map_err(|error| {
                format!("the picture {name:?} cannot be stored in the picture folder: {error}")
            })?;
            let source =
                Source::of(file.clone(), sanitized.bytes).map_err(|refused| refused.to_string())?;
            rendered(gallery, file, source)
        }
        Job::Original => {
            let source = originals.find(&name).map_err(|refused| refused.to_string())?;
            rendered(gallery, name, source)
        }
        Job::Logo => {
            let source = Source::of(name, request).map_err(|refused| refused.to_string())?;
            let logo = source.logo().map_err(|refused| refused.to_string())?;
            for file in [&logo.webp, &logo.fallback] {
                gallery
                    .keep(file)
                    .map_err(|error| format!("the logo cannot be stored: {error}"))?;
            }
            let (webp, fallback) = (logo.webp.file.as_str(), logo.fallback.file.as_str());
            Ok(json!((logo.width, logo.height, webp, fallback)))
        }
    }
}

fn rendered(gallery: &Gallery, file: String, source: Source) -> Result<Value, String> {
    let fingerprint = source.fingerprint().to_owned();
    let picture: Picture = render_one(&|rendered: &_| gallery.keep(rendered), Ok(source))?;
    let sizes = [&picture.thumb, &picture.page, &picture.full].map(columns);
    Ok(json!({ "file": file, "fingerprint": fingerprint, "sizes": sizes }))
}
