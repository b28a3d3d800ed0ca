//! `shop close` and `shop open`.

use std::process::ExitCode;

use crate::actions;
use crate::domain::values::plural;
use crate::infra::config::Settings;
use crate::interfaces::cli::output::say;
use crate::interfaces::cli::shop_context;

pub async fn close(settings: Settings) -> anyhow::Result<ExitCode> {
    let shop = shop_context::shop(&settings).await?;
    let day = actions::close_shop(&shop, shop_context::now()).await?;
    say(&format!(
        "The shop is closed (since {}). Products, carts and order pages stay available; run `shop open` to accept orders again.",
        day.day()
    ));
    shop.db.close().await;
    Ok(ExitCode::SUCCESS)
}

pub async fn open(settings: Settings) -> anyhow::Result<ExitCode> {
    let shop = shop_context::shop(&settings).await?;
    say(if actions::open_shop(&shop, shop_context::now()).await? {
        "The shop is open."
    } else {
        "The shop was not closed."
    });
    let unread =
        actions::check_seller_activity(&shop, shop_context::trusted()).await.unwrap_or(false);
    if unread {
        say(&format!(
            "But it accepts no orders yet: new mail has been unread for more than {} (CLOSE_AFTER_DAYS). Read it, and the shop opens by itself.",
            plural(settings.orders.close_after_days, "day", "days")
        ));
    }
    shop.db.close().await;
    Ok(ExitCode::SUCCESS)
}
