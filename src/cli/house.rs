use crate::actions;
use crate::cli::open;
use crate::cli::say;
use crate::config::Settings;
use std::process::ExitCode;

pub async fn close(settings: Settings) -> anyhow::Result<ExitCode> {
    let shop = open::shop(&settings).await?;
    let day = actions::close_shop(&shop, open::now()).await?;
    say(&format!(
        "The shop takes no orders (since {}). The window, carts and the pages of orders stay; `shop open` takes orders again.",
        day.day()
    ));
    shop.db.close().await;
    Ok(ExitCode::SUCCESS)
}

pub async fn open(settings: Settings) -> anyhow::Result<ExitCode> {
    let shop = open::shop(&settings).await?;
    say(if actions::open_shop(&shop, open::now()).await? {
        "The shop takes orders again."
    } else {
        "The shop was not closed."
    });
    let unread = actions::look_for_seller(&shop, open::trusted()).await.unwrap_or(false);
    if unread {
        say(&format!(
            "But new mail lies unread for more than {} days (CLOSE_AFTER_DAYS): look at it, and the shop opens by itself.",
            settings.close_after_days
        ));
    }
    shop.db.close().await;
    Ok(ExitCode::SUCCESS)
}
