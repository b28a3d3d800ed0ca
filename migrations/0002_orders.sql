-- What was promised to buyers. Nothing here is kept longer than the seller's settings say.

create table orders (
    id            integer primary key,
    order_ref     text    not null unique check (length(order_ref) = 10),
    -- Unique: a checkout form sent twice finds its first order instead of making a second.
    form_token    blob    not null unique check (length(form_token) = 32),
    -- Made from the buyer's seven words; no way leads back to them.
    lookup_name   blob    not null unique check (length(lookup_name) = 32),
    status        text    not null check (status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed',
                          'overpaid', 'expired', 'late', 'shipped', 'refunded', 'cancelled')),
    placed_at     integer not null,     -- unix seconds
    finished_at   integer,              -- unix seconds; null while something is still expected
    sending_name  text,                 -- null: the shop asks for no sending
    sending_price integer,
    discount_code text,
    discount_percent integer,
    discount_less integer,
    recipient     text    not null,
    street        text    not null,
    city          text    not null,
    province      text    not null,
    country       text    not null,
    postcode      text    not null,
    pgp           text,                 -- stands in for the address
    email         text    not null,
    note          text    not null,
    refund        text,
    transaction_id text,
    word          text    not null default '',  -- the seller's, for the buyer
    seller_note   text    not null default ''   -- the seller's own
) strict;
create index orders_by_status on orders (status, placed_at);
create index orders_finished on orders (finished_at) where finished_at is not null;
-- One payment cannot pay two orders.
create unique index orders_by_transaction on orders (transaction_id) where transaction_id is not null;

create table order_lines (
    order_id    integer not null references orders on delete cascade,
    position    integer not null,
    product_id  integer not null,
    option_id   integer not null,
    pool_option integer not null,       -- whose stock it was taken from; 0: the product's
    name        text    not null,       -- as it was called then
    option_name text    not null,
    quantity    integer not null check (quantity between 1 and 99),
    price       integer not null check (0 < price),
    primary key (order_id, position)
) strict, without rowid;
create index order_lines_by_product on order_lines (product_id);

create table invoices (
    order_id integer primary key references orders on delete cascade,
    currency text    not null,
    chain    integer,
    token    text,
    decimals integer,
    address  text    not null,
    amount   integer not null check (0 < amount),       -- Gwei asked for
    total    integer not null check (total <= amount),  -- Gwei of the order
    received integer not null default 0 check (0 <= received),
    until    integer not null           -- unix seconds
) strict;
create index invoices_by_address on invoices (address, amount);
create index invoices_by_until on invoices (until);

-- What the seller is to be told. A row without a time is a to-do list that needs no queue.
create table tidings (
    id       integer primary key,
    order_id integer not null references orders on delete cascade,
    number   integer not null,          -- 0: the order itself, then 1, 2 … within the order
    kind     text    not null check (kind in ('order', 'payment')),
    status   text    not null,          -- of the order, when it happened
    at       integer not null,          -- unix seconds
    told_at  integer,
    unique (order_id, number)
) strict;
create index tidings_untold on tidings (id) where told_at is null;
