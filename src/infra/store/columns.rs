//! How values of the domain are written to columns and read from them.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Encode, Sqlite, Type};

use crate::domain::catalog::{CoinValue, PageSlug, Prices, ProductKind, RateSource, Slug};
use crate::domain::login::{RecoveryHash, SessionHash, StoredPassword};
use crate::domain::orders::{
    BuyerRecipient, CheckoutKey, LookupName, NotificationHold, OrderRef, Status,
};
use crate::domain::values::{
    Amount, Currency, FiatCurrency, FileName, Quantity, Regions, Timestamp,
};
use crate::infra::store::StoreError;

/// `column!(type, as what SQLite keeps it, how it is read, how it is written)`. A row that holds anything else is an error
/// that names its column.
macro_rules! column {
    ($type:ty, $kept:ty, $read:expr, $write:expr) => {
        impl Type<Sqlite> for $type {
            fn type_info() -> SqliteTypeInfo {
                <$kept as Type<Sqlite>>::type_info()
            }

            fn compatible(info: &SqliteTypeInfo) -> bool {
                <$kept as Type<Sqlite>>::compatible(info)
            }
        }

        impl<'r> Decode<'r, Sqlite> for $type {
            fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
                Ok($read(<$kept as Decode<'r, Sqlite>>::decode(value)?)?)
            }
        }

        impl<'q> Encode<'q, Sqlite> for $type {
            fn encode_by_ref(
                &self,
                buffer: &mut SqliteArgumentsBuffer,
            ) -> Result<IsNull, BoxDynError> {
                Encode::<Sqlite>::encode_by_ref(&$write(self), buffer)
            }
        }
    };
}

column!(OrderRef, &str, OrderRef::parse, OrderRef::as_str);
column!(Slug, &str, Slug::parse, Slug::as_str);
column!(FileName, &str, FileName::parse, FileName::as_str);
column!(ProductKind, &str, ProductKind::parse, |kind: &ProductKind| kind.as_str());
column!(PageSlug, &str, PageSlug::parse, PageSlug::as_str);
column!(Currency, &str, Currency::parse, Currency::as_str);
column!(FiatCurrency, &str, FiatCurrency::parse, |currency: &FiatCurrency| currency.as_str());
column!(CoinValue, &str, CoinValue::parse, |value: &CoinValue| value.to_string());
column!(RateSource, &str, RateSource::parse, |source: &RateSource| source.as_str());
column!(BuyerRecipient, &str, BuyerRecipient::parse, BuyerRecipient::as_str);
column!(StoredPassword, &str, StoredPassword::parse, StoredPassword::as_str);
column!(Status, &str, Status::parse, |status: &Status| status.as_str());
column!(NotificationHold, i64, NotificationHold::parse, |notification_hold: &NotificationHold| {
    notification_hold.number()
});
column!(Timestamp, i64, Timestamp::new, |moment: &Timestamp| moment.get());
column!(Amount, i64, Amount::new, |amount: &Amount| amount.get());
column!(Quantity, i64, Quantity::new, |quantity: &Quantity| quantity.get());
column!(LookupName, &[u8], |bytes: &[u8]| bytes.try_into().map(LookupName), |name: &LookupName| {
    name.0.to_vec()
});
column!(
    CheckoutKey,
    &[u8],
    |bytes: &[u8]| bytes.try_into().map(CheckoutKey),
    |form: &CheckoutKey| form.0.to_vec()
);
column!(
    SessionHash,
    &[u8],
    |bytes: &[u8]| bytes.try_into().map(SessionHash),
    |hash: &SessionHash| hash.0.to_vec()
);
column!(
    RecoveryHash,
    &[u8],
    |bytes: &[u8]| bytes.try_into().map(RecoveryHash),
    |hash: &RecoveryHash| hash.0.to_vec()
);

/// States as a list in JSON, for `status in (select value from json_each($1))`.
pub fn states_json(states: &[Status]) -> String {
    let names: Vec<&str> = states.iter().map(|status| status.as_str()).collect();
    serde_json::json!(names).to_string()
}

/// Those of all states for which `is` holds, as [`states_json`] writes them.
pub fn states_that(is: impl Fn(Status) -> bool) -> String {
    states_json(&Status::ALL.into_iter().filter(|status| is(*status)).collect::<Vec<_>>())
}

/// Prices as `[["ETH", 91990000], …]`.
pub fn prices_json(prices: &Prices) -> String {
    let rows: Vec<(&str, i64)> =
        prices.iter().map(|(currency, price)| (currency.as_str(), price.get())).collect();
    serde_json::json!(rows).to_string()
}

/// Reads what [`prices_json`] wrote.
pub fn parse_prices(text: &str) -> Result<Prices, StoreError> {
    let rows: Vec<(String, i64)> =
        serde_json::from_str(text).map_err(|_| StoreError::Row("prices"))?;
    let parse = |(currency, price): (String, i64)| {
        Ok((
            Currency::parse(&currency).map_err(|_| StoreError::Row("currency"))?,
            Amount::new(price).map_err(|_| StoreError::Row("price"))?,
        ))
    };
    rows.into_iter().map(parse).collect()
}

/// Reads what [`Regions::codes`] wrote.
pub fn parse_regions(codes: &str) -> Result<Regions, StoreError> {
    Regions::parse(codes).map_err(|_| StoreError::Row("countries"))
}
