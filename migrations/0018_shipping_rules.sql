-- Weights, countries that a product or a shipping method does not go to, and prices of shipping in steps.

alter table products add column weight integer check (0 < weight);  -- grams of one item; null: not known
alter table products add column excluded_countries text not null default '';  -- as in shipping_rates.countries
create index products_without_weight on products (position) where weight is null and gone = 0;
alter table options add column weight integer check (0 < weight);   -- null: the product's

-- `countries` also holds names of groups: EU, Europe, World.
alter table shipping_rates add column excluded_countries text not null default '';

create table shipping_steps (
    rate        text    not null references shipping_rates on delete cascade,
    step        integer not null check (0 <= step),
    up_to_grams integer check (0 < up_to_grams),  -- null: the limit is a subtotal, or there is none
    primary key (rate, step)
) strict, without rowid;
insert into shipping_steps (rate, step) select name, 0 from shipping_rates;

create table shipping_step_prices (
    rate     text    not null,
    step     integer not null,
    currency text    not null,
    price    integer not null check (0 <= price),
    up_to    integer check (0 < up_to),  -- a subtotal in this currency; null: the limit is a weight, or there is none
    primary key (rate, step, currency),
    foreign key (rate, step) references shipping_steps on delete cascade
) strict, without rowid;
insert into shipping_step_prices (rate, step, currency, price) select rate, 0, currency, price from shipping_prices;
drop table shipping_prices;
alter table shipping_step_prices rename to shipping_prices;

create table shipping_free_from (
    rate     text    not null references shipping_rates on delete cascade,
    currency text    not null,
    amount   integer not null check (0 < amount),  -- the subtotal from which shipping is free
    primary key (rate, currency)
) strict, without rowid;
