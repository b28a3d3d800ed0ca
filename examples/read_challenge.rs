//! What is in the picture of a challenge, for `tests/browser/siege.py`: only who has the shop's secret can know it.
//! `read_challenge SECRET-FILE CHALLENGE`

use anyhow::Context;
use shop::infra::captcha;
use shop::interfaces::web::ChallengeKey;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (path, token) = arguments.next().zip(arguments.next()).context("a file and a challenge")?;
    let challenge = ChallengeKey::of_secret(&std::fs::read(path)?).open(&token);
    println!("{}", captcha::text(&challenge.context("a challenge of another shop")?.id));
    Ok(())
}
