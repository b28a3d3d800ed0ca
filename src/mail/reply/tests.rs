use super::*;

#[test]
fn a_first_look() {
    let message = b"To: order+K3QF0W2ZD7@shop.invalid\nMessage-ID: <a@b>\n\n/paid\nThank you.\n\nOn Sat, Nov 21, 2026, order+K3QF0W2ZD7@shop.invalid wrote:\n> hello\n-- \nme\n";
    let reply = Reply::parse(message, &[], &[]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(reply.command, Some(Command::Paid));
    assert_eq!(reply.words.unwrap().as_str(), "Thank you.");
}
