-- Codes with days, a number of uses and amounts; what the desk may change carries the version at which it was last changed.

create table discounts_with_days (
    code      text    primary key,
    position  integer not null,         -- in the seller's file
    percent   integer check (percent between 1 and 99),  -- null: amounts, in discount_amounts
    first_day integer,                  -- unix seconds of its beginning; null: since ever
    last_day  integer,                  -- the same, the last on which it counts; null: for ever
    uses      integer check (1 <= uses),  -- orders that may use it; null: any number
    edition   integer not null default 1,
    check (first_day <= last_day)
) strict;
insert into discounts_with_days (code, position, percent)
select code, row_number() over (order by rowid) - 1, percent from discounts;
drop table discounts;
alter table discounts_with_days rename to discounts;

create table discount_amounts (
    code     text    not null references discounts on delete cascade,
    currency text    not null,
    amount   integer not null check (0 < amount),  -- Gwei
    primary key (code, currency)
) strict, without rowid;

-- How many orders use a code: counted without knowing whose. It outlives the code, so that none can be used up twice.
create table discount_uses (
    code text    primary key,
    used integer not null check (0 <= used)
) strict;
-- Whether an order gave its use back, since nothing was seen of its payment when it ended.
alter table orders add column code_is_back integer not null default 0 check (code_is_back in (0, 1));
update orders set code_is_back = 1
where discount_code is not null
    and (status = 'late'
        or status in ('expired', 'cancelled')
            and (select max(received, coalesce(seen, 0)) from invoices where order_id = orders.id) = 0);
insert into discount_uses (code, used)
select o.discount_code, count(*) from orders o join invoices i on i.order_id = o.id
where o.discount_code is not null and o.code_is_back = 0
group by o.discount_code;

alter table shipping_rates add column edition integer not null default 1;
alter table wallets add column edition integer not null default 1;

-- Which products a currency's wallet takes its prices from.
create index prices_by_currency on prices (currency, product_id) where option_id = 0;
