//! Processes pictures in a subprocess, a bounded number of pixels at a time.

use crate::actions::Shop;
use crate::actions::import_catalog::columns;
use crate::actions::import_catalog::render_one;
use crate::infra::pictures::Gallery;
use crate::infra::pictures::Originals;
use crate::infra::pictures::Picture;
use crate::infra::pictures::Source;
use anyhow::Context;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Decodes pictures: so many pixels at a time that a form full of pictures does not fill the memory.
#[derive(Clone)]
pub struct ImageWorker {
    capacity: Arc<Semaphore>,
    apart: Option<Arc<Subprocess>>,
}

/// Runs [`develop`] in a subprocess: the server process itself never decodes a picture.
pub type Subprocess = dyn Fn(PictureRequest) -> Answering + Send + Sync;
pub type Answering = Pin<Box<dyn Future<Output = io::Result<Vec<u8>>> + Send>>;

/// The input of [`develop`], in two parts: a picture may be large, and is never copied to prepend a header.
pub struct PictureRequest {
    pub head: String,
    pub bytes: Vec<u8>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// Sanitize it, store it in the seller's folder and render it.
    Upload,
    /// Render a picture of the seller's folder.
    Original,
    /// Render it as the shop's logo.
    Logo,
}

const JOBS: [(Job, &str); 3] =
    [(Job::Upload, "upload"), (Job::Original, "original"), (Job::Logo, "logo")];

impl ImageWorker {
    pub fn apart(apart: Arc<Subprocess>) -> Self {
        Self { apart: Some(apart), ..Self::default() }
    }

    /// Waits for capacity, then processes the picture. Inner: the lines of the answer, or why the picture is refused.
    pub(super) async fn develop(
        shop: &Shop,
        job: Job,
        megapixels: u32,
        name: &str,
        bytes: Vec<u8>,
    ) -> anyhow::Result<Result<Vec<String>, String>> {
        let capacity = Arc::clone(&shop.image_worker.capacity);
        let permit = capacity.acquire_many_owned(megapixels.min(ROOM)).await;
        let permit = permit.context("wait for the image worker")?;
        let word = JOBS.iter().find(|(one, _)| *one == job).map_or("", |(_, word)| word);
        let name = name.replace(|c: char| c.is_control(), " ");
        let request = PictureRequest { head: format!("{word}\n{name}\n"), bytes };
        let answer = match &shop.image_worker.apart {
            Some(apart) => apart(request).await.context("decode a picture in a subprocess")?,
            None => {
                let (originals, gallery) = (shop.originals.clone(), shop.pictures.clone());
                let request = [request.head.into_bytes(), request.bytes].concat();
                let done =
                    tokio::task::spawn_blocking(move || develop(&originals, &gallery, &request));
                done.await.context("decode a picture")?
            }
        };
        drop(permit);
        let answer = String::from_utf8(answer).context("read the image worker's answer")?;
        let mut lines = answer.lines().map(str::to_owned);
        match lines.next().as_deref() {
            Some(KEPT) => Ok(Ok(lines.collect())),
            Some(REFUSED) => Ok(Err(lines.next().unwrap_or_default())),
            // The subprocess exceeded its limits, or was killed.
            _ => Ok(Err(format!("the picture {name:?} could not be decoded: save it smaller"))),
        }
    }
}

const KEPT: &str = "kept";
const REFUSED: &str = "refused";

/// Processes one picture, from the request's bytes to the answer's: decodes, sanitizes, renders it, and stores its
/// files.
///
/// Shape of the request: the job, a line feed, the picture's name, a line feed, its bytes. Of the answer: `kept` and
/// the job's result, or `refused` and a sentence, line by line.
pub fn develop(originals: &Originals, gallery: &Gallery, request: &[u8]) -> Vec<u8> {
    let lines = match try_to_develop(originals, gallery, request) {
        Ok(lines) => std::iter::once(KEPT.to_owned()).chain(lines).collect::<Vec<_>>(),
        Err(why) => vec![REFUSED.to_owned(), why.replace('\n', " ")],
    };
    lines.join("\n").into_bytes()
}

fn try_to_develop(
    originals: &Originals,
    gallery: &Gallery,
    request: &[u8],
) -> Result<Vec<String>, String> {
    let mut parts = request.splitn(3, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (word, name, bytes) = (part(), String::from_utf8_lossy(part()).into_owned(), part());
    let job = JOBS.iter().find(|(_, known)| known.as_bytes() == word).map(|(job, _)| *job);
    match job.ok_or("no such job")? {
        Job::Upload => {
            let source =
                Source::of(name.clone(), bytes.to_vec()).map_err(|refused| refused.to_string())?;
            let cleaned = source.cleaned().map_err(|refused| refused.to_string())?;
            let file = originals.keep(&cleaned, &name).map_err(|error| {
                format!("the picture {name:?} cannot be stored in the picture folder: {error}")
            })?;
            let source =
                Source::of(file.clone(), cleaned.bytes).map_err(|refused| refused.to_string())?;
            rendered(gallery, file, source)
        }
        Job::Original => {
            let source = originals.find(&name).map_err(|refused| refused.to_string())?;
            rendered(gallery, name, source)
        }
        Job::Logo => {
            let source = Source::of(name, bytes.to_vec()).map_err(|refused| refused.to_string())?;
            let logo = source.logo().map_err(|refused| refused.to_string())?;
            for file in [&logo.webp, &logo.fallback] {
                gallery
                    .keep(file)
                    .map_err(|error| format!("the logo cannot be stored: {error}"))?;
            }
            let (webp, fallback) = (logo.webp.file.as_str(), logo.fallback.file.as_str());
            Ok(vec![format!("{} {} {webp} {fallback}", logo.width, logo.height)])
        }
    }
}

fn rendered(gallery: &Gallery, file: String, source: Source) -> Result<Vec<String>, String> {
    let fingerprint = source.fingerprint().to_owned();
    let picture: Picture = render_one(&|rendered: &_| gallery.keep(rendered), Ok(source))?;
    let sizes = [&picture.thumb, &picture.page, &picture.full].map(|size| {
        let (width, height, webp, fallback) = columns(size);
        format!("{width} {height} {webp} {fallback}")
    });
    Ok([file, fingerprint].into_iter().chain(sizes).collect())
}

/// A line of the answer: width, height and two files.
pub(super) fn parse_size(line: &str) -> Option<(u32, u32, &str, &str)> {
    let mut words = line.split(' ');
    let (width, height) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some((width, height, words.next()?, words.next()?))
}
