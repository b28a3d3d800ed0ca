//! Prices of orders in bitcoin, sent to Germany.

use std::collections::HashMap;

use super::*;
use crate::domain::cart::{Basket, CartId};
use crate::domain::catalog::{Offer, OfferKey, ProductKind, RateStep, Slug, StepLimit};
use crate::domain::orders::{
    Delivery, Draft, DraftForm, NewOrder, OrderLine, OrderRef, Status, fixtures,
};
use crate::domain::values::{Currency, Quantity, Regions};

fn gwei(n: i64) -> Amount {
    Amount::new(n).unwrap()
}

/// For parcels of up to 500 g.
fn rate(name: &str, country: Option<&str>, price: i64) -> ShippingRate {
    let prices = vec![(Currency::parse("BTC").unwrap(), gwei(price))];
    ShippingRate {
        name: name.into(),
        countries: Regions::parse(country.unwrap_or_default()).unwrap(),
        excluded_countries: Regions::default(),
        steps: vec![RateStep { up_to: StepLimit::Grams(500), prices }],
        free_from: Vec::new(),
    }
}

/// An order of two items at 1050 each and of 200 g, in bitcoin, sent to Germany.
fn open(form: &DraftForm<'_>, rates: &[ShippingRate]) -> Result<NewOrder, PlacementError> {
    open_with(form, rates, |_| {})
}

fn open_with(
    form: &DraftForm<'_>,
    rates: &[ShippingRate],
    change: impl Fn(&mut Offer),
) -> Result<NewOrder, PlacementError> {
    let key = OfferKey { product: 1, option: 0 };
    let mut offer = Offer {
        key,
        slug: Slug::parse("tea").unwrap(),
        kind: ProductKind::Shipped,
        name: "Tea".into(),
        option_name: String::new(),
        price: Some(gwei(1_050)),
        needs_rate: false,
        stock: 2,
        reserved: 0,
        pool: key,
        gone: false,
        weight: Some(200),
        excluded_countries: Regions::default(),
    };
    change(&mut offer);
    let btc = Currency::parse("BTC").unwrap();
    let mut basket = Basket::empty(CartId([0; 16]));
    basket.add(key, Quantity::new(2).unwrap()).unwrap();
    let cart = PricedCart::new(&basket, &HashMap::from([(key, offer)]), &btc, Coin::BITCOIN.most());
    let address = DraftForm {
        recipient: "A",
        street: "B",
        city: "C",
        province: "D",
        country: "Germany",
        postcode: "E",
        ..*form
    };
    let address = if form.pgp.is_empty() { address } else { DraftForm { ..*form } };
    let draft = Draft::parse(&address, &Coin::BITCOIN, true).ok().unwrap();
    let discount = Discount {
        code: "SPRING".into(),
        value: DiscountValue::Percent(7),
        from: None,
        until: Some(Timestamp::new(0).unwrap()),
        uses: Some(1),
    };
    let context = CheckoutContext {
        cart: &cart,
        coin: &Coin::BITCOIN,
        rates,
        discount: Some((discount, 0)),
        may_reserve: true,
    };
    NewOrder::open(draft, &context, OrderRef::from_random([0; 8]), Timestamp::new(0).unwrap())
}

#[track_caller]
fn check(form: &DraftForm<'_>, rates: &[ShippingRate], expected: Result<i64, &str>) {
    let total = open(form, rates).map(|order| order.total.get()).map_err(|refused| match refused {
        PlacementError::Cart => "cart",
        PlacementError::Fields(refusals) => refusals[0].field,
    });
    assert_eq!(total, expected);
}

#[test]
fn a_total_is_lines_less_discount_plus_shipping() {
    let none = DraftForm::default();
    check(&none, &[], Ok(2_100));
    check(&DraftForm { discount: "spring", ..none }, &[], Ok(2_100 - 140));
    check(&DraftForm { discount: "WINTER", ..none }, &[], Err("discount"));
}

#[test]
fn the_cheapest_method_that_reaches_the_country_is_used_unless_one_is_chosen() {
    let none = DraftForm::default();
    let rates =
        [rate("World", None, 500), rate("Home", Some("DE"), 100), rate("France", Some("FR"), 10)];
    check(&none, &rates, Ok(2_200));
    check(&DraftForm { shipping: "World", ..none }, &rates, Ok(2_600));
    check(&DraftForm { shipping: "France", ..none }, &rates, Err("shipping"));
    check(&DraftForm { shipping: "Pigeon", ..none }, &rates, Err("shipping"));
    check(&none, &rates[2..], Err("country"));
}

#[test]
fn a_sealed_address_that_hides_its_country_is_asked_for_a_shipping_method() {
    let block = "-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----";
    let hidden = DraftForm { pgp: block, ..DraftForm::default() };
    let france = [rate("France", Some("FR"), 10)];
    check(&hidden, &france, Err("shipping"));
    check(&DraftForm { country: "Germany", ..hidden }, &france, Err("country"));
    check(&DraftForm { shipping: "France", ..hidden }, &france, Ok(2_110));
    let named = DraftForm { shipping: "France", country: "Germany", ..hidden };
    check(&named, &france, Err("shipping"));
}

#[test]
fn what_is_kept_of_a_new_order_is_what_was_ordered() {
    let new = open(&DraftForm { discount: "spring", ..DraftForm::default() }, &[]).ok().unwrap();
    let (reference, lines) = (new.order_ref.as_str().to_owned(), new.lines.clone());
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    assert_eq!((line.price, line.sum, line.quantity.get()), (gwei(1_050), gwei(2_100), 2));
    assert_eq!(line.full_name(), "Tea");
    assert_eq!(OrderLine { option_name: "green".into(), ..line.clone() }.full_name(), "Tea, green");
    let invoice = fixtures::order(Status::Awaiting, None, 60).invoice;
    let (order, buyer) = new.invoiced(invoice.clone());
    assert_eq!(order.order_ref.as_str(), reference);
    assert!(order.lines == lines && order.invoice == invoice && order.finished_at.is_none());
    assert_eq!(order.discount.map(|discount| discount.amount), Some(gwei(140)));
    assert!(matches!(buyer.delivery, Delivery::Plain(_)));
}

#[test]
fn each_reason_why_nothing_is_shipped_has_its_own_field_and_text() {
    let btc = Currency::parse("BTC").unwrap();
    let elsewhere = [rate("France", Some("FR"), 10)];
    let mut no_price = rate("World", None, 10);
    no_price.steps[0].prices.clear();
    let not_here = |offer: &mut Offer| {
        offer.excluded_countries = Regions::parse("EU").unwrap();
    };
    let check = |rates: &[ShippingRate], change: &dyn Fn(&mut Offer), field, why| {
        let found = match open_with(&DraftForm::default(), rates, change) {
            Err(PlacementError::Fields(refusals)) => refusals[0].clone(),
            _ => panic!("it is not refused"),
        };
        assert_eq!(found, Refusal::new(field, why));
    };
    check(&[no_price], &|_| {}, "shipping", RefusalReason::NoShippingFor(btc));
    check(&elsewhere, &|_| {}, "country", RefusalReason::NoShippingToCountry);
    let heavy = |offer: &mut Offer| offer.weight = Some(251);
    let here = [rate("Home", Some("DE"), 10)];
    check(&here, &heavy, "shipping", RefusalReason::NoShippingForParcel);
    let tea = || RefusalReason::ItemsNotToCountry(vec!["Tea".into()]);
    check(&here, &not_here, "country", tea());
    check(&[], &not_here, "country", tea());
}
