-- An import of the catalog file in small transactions: see docs/decisions/0029-imports-in-small-steps.md.

-- One row while an import is being applied: nothing of it can be given up any more. What is in `imported_products` without
-- this row was left by an import that ended early.
create table catalog_import (
    only       integer primary key check (only = 1),
    at         integer not null,        -- unix seconds
    count_anew integer not null check (count_anew in (0, 1))
) strict;

-- What is still to be done: each row goes in the transaction that does it.
create table imported_products (
    id         integer primary key,
    slug       text    not null,
    position   integer,                 -- null: the product is removed
    record     text    not null,        -- its name in the seller's file
    product    text,                    -- as in the seller's file; null: only the position changes, or it is removed
    pictures   text    not null,        -- an array of fingerprints, one for each of its pictures
    same_words integer not null check (same_words in (0, 1))    -- 1: the search knows it already
) strict;

-- Whether a product still shows a picture, asked for each that may be forgotten.
create index product_pictures_by_fingerprint on product_pictures (fingerprint);
