//! Encrypts a message like the shop, from standard input to standard output. For `tests/browser/sealed_mutt.py`.
//! `sealed_letter KEY-FILE [BLOCK-FILE]`

use std::io::{Read, Write};

use shop::domain::orders::PgpBlock;
use shop::domain::values::Timestamp;
use shop::infra::mail::{SellerKey, sealed_message};

fn main() -> anyhow::Result<()> {
    let files: Vec<String> =
        std::env::args().skip(1).map(std::fs::read_to_string).collect::<Result<_, _>>()?;
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let now = Timestamp::new(i64::try_from(since.as_secs())?)?;
    let [key, blocks @ ..] = files.as_slice() else { anyhow::bail!("no key") };
    let key = SellerKey::parse(key, now)?;
    let block = blocks.first().map(|block| PgpBlock::parse(block)).transpose()?;
    if let Some(block) = &block {
        key.check_block(block)?;
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let outer = lettre::Message::builder()
        .from("order+AB12@shop.invalid".parse()?)
        .to("root@localhost".parse()?)
        .header(lettre::message::header::MIME_VERSION_1_0)
        .subject("New order AB12")
        .date(std::time::UNIX_EPOCH);
    let letter = sealed_message(outer, &key, "Tea for Käthe", &text, block.as_ref(), now)?;
    let mut letter = letter.formatted();
    letter.retain(|byte| *byte != b'\r');
    std::io::stdout().write_all(&letter)?;
    Ok(())
}
