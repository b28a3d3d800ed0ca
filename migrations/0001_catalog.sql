-- What the seller's file says, and what has been sold of it since.

-- One row of two numbers that only grow.
create table catalog_state (
    only    integer primary key check (only = 1),
    version integer not null,   -- with every change that a buyer could see on a page of the catalog, stock among them
    seeding integer not null    -- with every seeding alone: wallets, pages and categories stay the same in between
) strict;
insert into catalog_state (only, version, seeding) values (1, 1, 1);

create table wallets (
    currency text    primary key check (length(currency) between 2 and 10),
    position integer not null,
    name     text    not null,
    chain    integer,           -- null: the coin has no chains to choose from
    token    text,              -- the contract's address, where the coin is a token
    decimals integer,           -- of the token
    address  text,              -- one for all orders, or
    xpub     text,              -- a key from which each order gets its own
    check ((address is null) <> (xpub is null))
) strict;

-- Which address of an extended key comes next. It outlives the wallet: an address is never given out twice.
create table derivations (
    xpub       text    primary key,
    next_index integer not null check (0 <= next_index and next_index <= 2147483648)
) strict;

create table products (
    id               integer primary key,
    slug             text    not null unique,
    position         integer not null,  -- in the seller's file
    name             text    not null,
    description_html text    not null,
    file_quantity    integer not null,  -- what the file last said
    stock            integer not null check (0 <= stock),  -- pieces that can still be bought
    gone             integer not null default 0 check (gone in (0, 1))
) strict;
create index products_by_position on products (position) where gone = 0;

create table options (
    id            integer primary key,
    product_id    integer not null references products,
    position      integer not null,
    name          text    not null,
    file_quantity integer,              -- null: it shares the product's stock
    stock         integer check (0 <= stock),
    gone          integer not null default 0 check (gone in (0, 1)),
    unique (product_id, name),
    check ((file_quantity is null) = (stock is null))
) strict;

create table prices (
    product_id integer not null references products,
    option_id  integer not null,        -- 0: the product's own
    currency   text    not null,
    price      integer not null check (0 < price),  -- Gwei, 1e-9 of one coin
    primary key (product_id, option_id, currency)
) strict, without rowid;

create table product_categories (
    product_id integer not null references products,
    position   integer not null,
    category   text    not null,
    primary key (product_id, position)
) strict, without rowid;

-- What a camera's picture became. Rendered once, found again by what the seller's file holds.
create table pictures (
    fingerprint    text    primary key, -- of the source's bytes
    thumb_width    integer not null,
    thumb_height   integer not null,
    thumb_webp     text    not null,
    thumb_fallback text    not null,
    page_width     integer not null,
    page_height    integer not null,
    page_webp      text    not null,
    page_fallback  text    not null,
    full_width     integer not null,
    full_height    integer not null,
    full_webp      text    not null,
    full_fallback  text    not null
) strict;

create table product_pictures (
    product_id  integer not null references products,
    position    integer not null,
    fingerprint text    not null references pictures,
    alt         text    not null,
    primary key (product_id, position)
) strict, without rowid;

-- The products of each page, counted through, so that page 4,000 is found as fast as page 1.
create table shelf (
    currency   text    not null,        -- '': a shop without wallets
    category   text    not null,        -- '': all
    position   integer not null,        -- 0, 1, 2 … without a gap
    product_id integer not null references products,
    primary key (currency, category, position)
) strict, without rowid;
create index shelf_by_product on shelf (product_id, currency, category, position);

create table shelf_sizes (
    currency text    not null,
    category text    not null,
    position integer not null,          -- of its first product in the seller's file
    products integer not null,
    primary key (currency, category)
) strict, without rowid;

create virtual table product_words using fts5 (
    name, categories, description,
    content = '', contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3 4'
);

create table shipping_rates (
    name      text    primary key,
    position  integer not null,
    countries text    not null          -- letters of ISO 3166 with commas; '': everywhere
) strict;

create table shipping_prices (
    rate     text    not null references shipping_rates on delete cascade,
    currency text    not null,
    price    integer not null check (0 <= price),
    primary key (rate, currency)
) strict, without rowid;

create table discounts (
    code    text    primary key,
    percent integer not null check (percent between 1 and 99)
) strict;

create table pages (
    slug     text    primary key,
    position integer not null,
    title    text    not null,
    html     text    not null
) strict;
