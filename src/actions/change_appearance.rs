//! Changes the shop's name, contact, notice, accent colour and logo.

use crate::actions::Shop;
use crate::actions::image_worker::ImageWorker;
use crate::actions::image_worker::Job;
use crate::domain::catalog::markdown;
use crate::domain::values::Colour;
use crate::domain::values::Line;
use crate::domain::values::Paragraph;
use crate::domain::values::Timestamp;
use crate::infra::pictures::NotAPicture;
use crate::infra::pictures::PictureFile;
use crate::infra::pictures::Source;
use crate::infra::store;
use crate::infra::store::Tx;
use crate::infra::store::appearance::Appearance;
use crate::infra::store::appearance::Logo;
use anyhow::Context;

/// What the seller wants said and shown.
pub struct LookChange {
    /// `None`: as in the settings.
    pub name: Option<Line>,
    /// `None`: as in the settings; empty: none.
    pub contact: Option<Line>,
    pub notice: Paragraph,
    /// `None`: the shop's own.
    pub accent: Option<Colour>,
}

/// Why the shop looks as before.
#[derive(Debug)]
pub enum AppearanceError {
    /// Somebody has changed it since it was read: as it is now.
    Changed(Box<Appearance>),
    /// One sentence that says which picture it is and why.
    NotAPicture(String),
}

/// `edition`: of the look as it was read.
pub async fn change_appearance(
    shop: &Shop,
    edition: i64,
    change: LookChange,
    now: Timestamp,
) -> anyhow::Result<Result<(), AppearanceError>> {
    let mut tx = shop.db.write().await?;
    let old = store::appearance::find(&mut tx).await.context("look at the look")?;
    let own = |line: Option<Line>| line.map(|line| line.as_str().to_owned());
    let new = Appearance {
        name: own(change.name),
        contact: own(change.contact),
        notice_html: markdown::html(change.notice.as_str()),
        notice: change.notice.as_str().to_owned(),
        accent: change.accent,
        ..old.clone()
    };
    let changed = [
        ("the shop's name", new.name != old.name),
        ("the contact", new.contact != old.contact),
        ("the notice", new.notice != old.notice),
        ("the colour", new.accent != old.accent),
    ];
    let changed: Vec<&str> =
        changed.iter().filter(|(_, is_new)| *is_new).map(|(what, _)| *what).collect();
    // A form that is sent twice was kept by its first sending.
    if changed.is_empty() {
        return Ok(Ok(()));
    }
    if old.edition != edition {
        return Ok(Err(AppearanceError::Changed(Box::new(old))));
    }
    finish(tx, &new, &format!("Changed {}", changed.join(", ")), now).await.map(Ok)
}

/// A logo takes the place of the name above every page.
pub async fn set_logo(
    shop: &Shop,
    edition: i64,
    source: Source,
    now: Timestamp,
) -> anyhow::Result<Result<(), AppearanceError>> {
    // Rendering takes long, so it is done before the writer's lock is taken.
    let outline = tokio::task::spawn_blocking(move || {
        let size = source.size()?;
        Ok::<_, NotAPicture>((source, size))
    });
    let (source, size) = match outline.await.context("look at the logo")? {
        Ok(seen) => seen,
        Err(refused) => return Ok(Err(AppearanceError::NotAPicture(refused.to_string()))),
    };
    let (name, bytes) = (source.name(), source.into_bytes());
    let done = ImageWorker::develop(shop, Job::Logo, size.megapixels, &name, bytes).await?;
    let logo = match done {
        Ok((width, height, webp, fallback)) => Logo { width, height, webp, fallback },
        Err(refused) => return Ok(Err(AppearanceError::NotAPicture(refused))),
    };
    replace_logo(shop, edition, Some(logo), "Changed the logo", now).await
}

/// The shop's name stands above every page again.
pub async fn remove_logo(
    shop: &Shop,
    edition: i64,
    now: Timestamp,
) -> anyhow::Result<Result<(), AppearanceError>> {
    replace_logo(shop, edition, None, "Removed the logo", now).await
}

async fn replace_logo(
    shop: &Shop,
    edition: i64,
    logo: Option<Logo>,
    action: &str,
    now: Timestamp,
) -> anyhow::Result<Result<(), AppearanceError>> {
    let mut tx = shop.db.write().await?;
    let mut look = store::appearance::find(&mut tx).await.context("look at the look")?;
    if look.edition != edition {
        return Ok(Err(AppearanceError::Changed(Box::new(look))));
    }
    if look.logo == logo {
        return Ok(Ok(()));
    }
    let old = std::mem::replace(&mut look.logo, logo);
    finish(tx, &look, action, now).await?;
    if let Some(old) = old {
        forget_files(shop, &old).await.unwrap_or_else(|error| {
            tracing::warn!("the old logo stays on the disk until the next seeding: {error:#}");
        });
    }
    Ok(Ok(()))
}

/// What the seller took down is not shown to whoever still knows its address.
async fn forget_files(shop: &Shop, logo: &Logo) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await?;
    let used = store::pictures::list_files(&mut tx).await?;
    drop(tx);
    let unused = [&logo.webp, &logo.fallback].into_iter().filter(|file| !used.contains(file));
    for file in unused.filter_map(|file| PictureFile::parse(file).ok()) {
        shop.pictures.remove(&file)?;
    }
    Ok(())
}

async fn finish(mut tx: Tx, look: &Appearance, action: &str, now: Timestamp) -> anyhow::Result<()> {
    store::appearance::put(&mut tx, look).await.context("keep the look")?;
    store::audit_log::record(&mut tx, now, action).await.context("record the action")?;
    store::catalog_state::mark_seeded(&mut tx).await?;
    tx.commit().await.context("commit the look")?;
    Ok(())
}
