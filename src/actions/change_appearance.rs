//! Changes the shop's name, contact, notice, accent colour and logo.

use anyhow::Context;

use crate::actions::Shop;
use crate::actions::build_sprites::remove_files;
use crate::actions::image_worker::{ImageWorker, Job, PictureError};
use crate::domain::catalog::markdown;
use crate::domain::values::{Colour, Line, Paragraph, Timestamp};
use crate::infra::pictures::{NotAPicture, Source};
use crate::infra::store;
use crate::infra::store::Tx;
use crate::infra::store::appearance::{Appearance, Logo};

/// What the seller changes of the shop's appearance.
pub struct LookChange {
    /// `None`: as configured.
    pub name: Option<Line>,
    /// `None`: as configured; empty: none.
    pub contact: Option<Line>,
    pub notice: Paragraph,
    /// `None`: the default.
    pub accent: Option<Colour>,
}

/// Why the appearance was not changed.
#[derive(Debug)]
pub enum AppearanceError {
    /// It has been changed since it was loaded: the current version.
    Changed(Box<Appearance>),
    /// One sentence that says which picture it is and why.
    NotAPicture(String),
    Broken(anyhow::Error),
}

broken_from!(AppearanceError);

/// `edition`: of the appearance as it was loaded.
pub async fn change_appearance(
    shop: &Shop,
    edition: i64,
    change: LookChange,
    now: Timestamp,
) -> Result<(), AppearanceError> {
    let mut tx = shop.db.write().await?;
    let old = store::appearance::find(&mut tx).await.context("read the appearance")?;
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
    // A form sent twice was saved the first time.
    if changed.is_empty() {
        return Ok(());
    }
    if old.edition != edition {
        return Err(AppearanceError::Changed(Box::new(old)));
    }
    finish(tx, &new, &format!("Changed {}", changed.join(", ")), now)
        .await
        .map_err(AppearanceError::Broken)
}

/// The logo replaces the shop's name at the top of every page.
pub async fn set_logo(
    shop: &Shop,
    edition: i64,
    source: Source,
    now: Timestamp,
) -> Result<(), AppearanceError> {
    // Rendering takes long, so it is done before the write lock is taken.
    let outline = tokio::task::spawn_blocking(move || {
        let megapixels = source.megapixels()?;
        Ok::<_, NotAPicture>((source, megapixels))
    });
    let (source, megapixels) = match outline.await.context("process the logo")? {
        Ok(seen) => seen,
        Err(refused) => return Err(AppearanceError::NotAPicture(refused.to_string())),
    };
    let (name, bytes) = (source.name(), source.into_bytes());
    let done = ImageWorker::develop(shop, Job::Logo, megapixels, &name, bytes).await;
    let logo = match done {
        Ok((width, height, webp, fallback)) => Logo { width, height, webp, fallback },
        Err(PictureError::Refused(why)) => return Err(AppearanceError::NotAPicture(why)),
        Err(PictureError::Broken(error)) => return Err(error.into()),
    };
    replace_logo(shop, edition, Some(logo), "Changed the logo", now).await
}

/// Shows the shop's name at the top of every page again.
pub async fn remove_logo(shop: &Shop, edition: i64, now: Timestamp) -> Result<(), AppearanceError> {
    replace_logo(shop, edition, None, "Removed the logo", now).await
}

async fn replace_logo(
    shop: &Shop,
    edition: i64,
    logo: Option<Logo>,
    action: &str,
    now: Timestamp,
) -> Result<(), AppearanceError> {
    let mut tx = shop.db.write().await?;
    let mut look = store::appearance::find(&mut tx).await.context("read the appearance")?;
    if look.edition != edition {
        return Err(AppearanceError::Changed(Box::new(look)));
    }
    if look.logo == logo {
        return Ok(());
    }
    let old = std::mem::replace(&mut look.logo, logo);
    finish(tx, &look, action, now).await?;
    if let Some(old) = old {
        forget_files(shop, &old).await.unwrap_or_else(|error| {
            tracing::warn!("the old logo stays on the disk until the next import: {error:#}");
        });
    }
    Ok(())
}

/// A removed logo must not be served to a client that still knows its address.
async fn forget_files(shop: &Shop, logo: &Logo) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await?;
    let used = store::pictures::list_files(&mut tx).await?;
    drop(tx);
    let files = [&logo.webp, &logo.fallback];
    remove_files(shop, files.into_iter().filter(|file| !used.contains(file))).await;
    Ok(())
}

async fn finish(mut tx: Tx, look: &Appearance, action: &str, now: Timestamp) -> anyhow::Result<()> {
    store::appearance::put(&mut tx, look).await.context("save the appearance")?;
    store::audit_log::record(&mut tx, now, action).await.context("record the action")?;
    store::catalog_state::mark_seeded(&mut tx).await?;
    tx.commit().await.context("commit the appearance")?;
    Ok(())
}
