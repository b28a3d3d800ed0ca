-- Exchange rates, and prices in ordinary money: see docs/decisions/0024-prices-in-ordinary-money.md.

create table exchange_rates (
    currency    text    primary key,    -- of the coin
    price_in    text    not null,       -- the reference currency, ISO 4217
    value       text    not null,       -- decimal: what one coin is worth
    at          integer not null,       -- unix seconds: when it was observed
    valid_until integer not null,       -- unix seconds
    source      text    not null check (source in ('seller', 'file', 'url'))
) strict;

create table fiat_prices (
    product_id integer not null references products,
    option_id  integer not null,        -- 0: the product's own
    currency   text    not null,        -- ISO 4217
    price      integer not null check (0 < price),  -- in its minor units
    primary key (product_id, option_id)
) strict, without rowid;

-- Prices of coins: the seller's own, and those converted from `fiat_prices` at the last rate, one for each wallet. Those have no
-- price until there is a rate, and one that counts only while the rate is valid.
create table old_prices as select product_id, option_id, currency, price from prices;
drop table prices;
create table prices (
    product_id   integer not null references products,
    option_id    integer not null,      -- 0: the product's own
    currency     text    not null,
    price        integer check (0 < price),         -- Gwei, 1e-9 of one coin
    is_converted integer not null default 0 check (is_converted in (0, 1)),
    primary key (product_id, option_id, currency),
    check (is_converted = 1 or price is not null)
) strict, without rowid;
insert into prices (product_id, option_id, currency, price) select product_id, option_id, currency, price from old_prices;
drop table old_prices;
create index prices_by_currency on prices (currency, product_id) where option_id = 0;
create index prices_converted on prices (currency, product_id) where is_converted = 1;
