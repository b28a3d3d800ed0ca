-- What the desk needs to change a product, and what a file needs that is written from these tables.

alter table products add column description text not null default '';   -- Markdown, as the seller wrote it
alter table products add column record text not null default '';        -- its name in the seller's file; '': none yet
-- 1: the seller keeps it, and no buyer sees it. Then it is gone from the shelves too; what is gone and not hidden is
-- kept for orders and carts alone.
alter table products add column hidden integer not null default 0 check (hidden in (0, 1));
alter table products add column edition integer not null default 1;     -- grows with every change of what its form shows

-- Its name below the seller's picture folder; '': not known, since an older version of the shop did not keep it.
alter table product_pictures add column file text not null default '';

-- The desk's lists, read from the indexes alone.
create index products_at_desk on products (position, id, gone, hidden) where gone = 0 or hidden = 1;
create index products_hidden on products (position, id) where hidden = 1;
create index products_by_stock on products (stock, id, gone, hidden) where gone = 0 or hidden = 1;
create index options_by_stock on options (stock, product_id) where gone = 0 and stock is not null;
create index options_by_product on options (product_id, position) where gone = 0;
create index product_categories_by_name on product_categories (category, product_id);
-- Texts that are to be read back from what buyers see: none in a shop that began with this version.
create index products_without_text on products (id) where description = '' and description_html <> '';
