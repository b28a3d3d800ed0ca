-- How a product reaches its buyer, and what a digital one delivers on the order's page.
alter table products add column kind text not null default 'shipped'
    check (kind in ('shipped', 'digital', 'pickup', 'service'));
alter table products add column files text not null default '[]';
alter table products add column codes text not null default '';
alter table products add column text text not null default '';
alter table products add column downloads integer check (downloads between 1 and 1000);
alter table products add column download_days integer check (download_days between 1 and 3650);
alter table order_lines add column kind text not null default 'shipped'
    check (kind in ('shipped', 'digital', 'pickup', 'service'));
