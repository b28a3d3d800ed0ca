-- Lists that can be sorted and show all products, a search that forgives, and the day on which a product was added.

-- Unix seconds of a day's beginning; null: not dated yet. Products of a shop that began before have the day of its update.
alter table products add column added_on integer;
update products set added_on = unixepoch('now', 'start of day');
create index products_without_day on products (id) where added_on is null;

-- Which version of the tables below is filled in: they are made from the others, and made anew where it is old.
alter table catalog_state add column index_version integer not null default 0;

-- The products of `listing` once more, in other orders.
create table sorted_listing (
    currency   text    not null,        -- as in `listing`
    category   text    not null,
    product_id integer not null references products,
    price      integer,                 -- the lowest; null: none in this currency
    name       text    not null,        -- without case and accents
    primary key (currency, category, product_id)
) strict, without rowid;
create index sorted_by_price on sorted_listing (currency, category, price, product_id);
create index sorted_by_name on sorted_listing (currency, category, name, product_id);

create table sort_names (
    product_id integer primary key references products,
    name       text    not null
) strict;

-- The search. Texts come as words in lowercase without accents, with a space between, so that every byte but a space is part
-- of a word; names are indexed by themselves, since what is found in a name comes first.
drop table product_words;
create virtual table product_words using fts5 (
    words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii', prefix = '2 3 4'
);
create virtual table product_names using fts5 (
    words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii', prefix = '2 3 4'
);

-- Words to suggest for misspelt ones.
create table suggested_words (
    word  text primary key,             -- in lowercase, without accents
    shown text not null                 -- in lowercase
) strict, without rowid;
create table suggested_trigrams (
    trigram text not null,
    word    text not null,
    primary key (trigram, word)
) strict, without rowid;
