-- What the desk's first page counts with: numbers by day and week. Nothing here names an order or a buyer, and erasing
-- an order changes none of it. docs/THREATS.md says what it tells to whoever has the disk.

-- Orders and money of a day in one currency. What is older than KEEP_DAYS stands under its week's Monday, the money with
-- two digits (src/actions/blur_figures.rs).
create table takings (
    day      integer not null,           -- unix seconds of its beginning
    currency text    not null,
    orders   integer not null default 0, -- placed on that day
    paid     integer not null default 0, -- of them: paid at some time, whatever became of them since
    taken    integer not null default 0, -- Gwei that came on that day; below zero where a network took back more
    primary key (day, currency)
) strict, without rowid;

-- Pieces of a product in orders that were paid, under the Monday of the week in which they were placed.
create table sold (
    week       integer not null,         -- unix seconds of its beginning
    product_id integer not null,
    pieces     integer not null,
    primary key (week, product_id)
) strict, without rowid;

-- The same since one week, so that the best are found without counting.
create table sold_since (
    only integer primary key check (only = 1),
    week integer not null
) strict;
insert into sold_since (only, week) values (1, 0);
create table best_sold (
    product_id integer primary key,
    pieces     integer not null
) strict;
create index best_sold_first on best_sold (pieces desc, product_id);
create trigger sold_inserted after insert on sold when new.week >= (select week from sold_since) begin
    insert into best_sold (product_id, pieces) values (new.product_id, new.pieces)
    on conflict (product_id) do update set pieces = pieces + excluded.pieces;
end;
create trigger sold_changed after update of pieces on sold when new.week >= (select week from sold_since) begin
    update best_sold set pieces = pieces + new.pieces - old.pieces where product_id = new.product_id;
end;

-- Pieces that orders hold which are neither finished nor over, by the stock they were taken from.
create table held (
    product_id  integer not null,
    pool_option integer not null,        -- 0: the product's own
    pieces      integer not null,
    primary key (product_id, pool_option)
) strict, without rowid;

-- The days' numbers follow the orders by themselves, so that whoever changes one cannot forget them.
create trigger orders_counted after insert on invoices begin
    insert into takings (day, currency, orders)
    select o.placed_at - o.placed_at % 86400, new.currency, 1 from orders o where o.id = new.order_id
    on conflict (day, currency) do update set orders = orders + 1;
end;
create trigger lines_held after insert on order_lines begin
    insert into held (product_id, pool_option, pieces)
    select new.product_id, new.pool_option, new.quantity from orders o
    where o.id = new.order_id and o.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid')
    on conflict (product_id, pool_option) do update set pieces = pieces + excluded.pieces;
end;
create trigger orders_hold after update of status on orders
when new.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid')
    and old.status not in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid') begin
    insert into held (product_id, pool_option, pieces)
    select product_id, pool_option, sum(quantity) from order_lines where order_id = new.id group by product_id, pool_option
    on conflict (product_id, pool_option) do update set pieces = pieces + excluded.pieces;
end;
create trigger orders_let_go after update of status on orders
when old.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid')
    and new.status not in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid') begin
    insert into held (product_id, pool_option, pieces)
    select product_id, pool_option, -sum(quantity) from order_lines where order_id = new.id group by product_id, pool_option
    on conflict (product_id, pool_option) do update set pieces = pieces + excluded.pieces;
    -- What nobody holds any more tells nothing of what was held.
    delete from held where pieces = 0 and product_id in (select product_id from order_lines where order_id = new.id);
end;
create trigger orders_paid after update of status on orders
when new.status in ('confirmed', 'overpaid') and old.status not in ('confirmed', 'overpaid') begin
    insert into takings (day, currency, paid)
    select new.placed_at - new.placed_at % 86400, currency, 1 from invoices where order_id = new.id
    on conflict (day, currency) do update set paid = paid + 1;
    insert into sold (week, product_id, pieces)
    select new.placed_at - new.placed_at % 86400 - (new.placed_at / 86400 + 3) % 7 * 86400, product_id, sum(quantity)
    from order_lines where order_id = new.id group by product_id
    on conflict (week, product_id) do update set pieces = pieces + excluded.pieces;
end;
-- A network took back what had counted.
create trigger orders_unpaid after update of status on orders
when old.status in ('confirmed', 'overpaid') and new.status in ('unconfirmed', 'partial') begin
    insert into takings (day, currency, paid)
    select new.placed_at - new.placed_at % 86400, currency, -1 from invoices where order_id = new.id
    on conflict (day, currency) do update set paid = paid - 1;
    insert into sold (week, product_id, pieces)
    select new.placed_at - new.placed_at % 86400 - (new.placed_at / 86400 + 3) % 7 * 86400, product_id, -sum(quantity)
    from order_lines where order_id = new.id group by product_id
    on conflict (week, product_id) do update set pieces = pieces + excluded.pieces;
end;

-- The orders that are there. When each was paid nobody noted, so that their money stands under the day they were placed.
insert into takings (day, currency, orders, paid, taken)
select o.placed_at - o.placed_at % 86400, i.currency, count(*),
    sum(o.status in ('confirmed', 'overpaid', 'shipped') or i.amount <= max(i.received, coalesce(i.settled, 0))),
    sum(max(i.received, coalesce(i.settled, 0)))
from orders o join invoices i on i.order_id = o.id group by 1, 2;
insert into sold (week, product_id, pieces)
select o.placed_at - o.placed_at % 86400 - (o.placed_at / 86400 + 3) % 7 * 86400, l.product_id, sum(l.quantity)
from orders o join invoices i on i.order_id = o.id join order_lines l on l.order_id = o.id
where o.status in ('confirmed', 'overpaid', 'shipped') or i.amount <= max(i.received, coalesce(i.settled, 0)) group by 1, 2;
insert into held (product_id, pool_option, pieces)
select l.product_id, l.pool_option, sum(l.quantity) from orders o join order_lines l on l.order_id = o.id
where o.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid') group by 1, 2;
