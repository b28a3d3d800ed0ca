//! Prints the characters in the picture of a challenge, from the shop's secret. For `tests/browser/siege.py`.
//! `read_challenge SECRET-FILE CHALLENGE`

use anyhow::Context;
use shop::infra::captcha;
use shop::interfaces::web::ChallengeKey;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (path, token) = arguments
        .next()
        .zip(arguments.next())
        .context("usage: read_challenge SECRET-FILE CHALLENGE")?;
    let challenge = ChallengeKey::of_secret(&std::fs::read(path)?).open(&token);
    println!("{}", captcha::text(&challenge.context("a challenge of another shop")?.id));
    Ok(())
}
