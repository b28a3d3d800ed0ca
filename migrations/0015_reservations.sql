-- Stock belongs to whoever pays: see docs/decisions/0018-stock-belongs-to-whoever-pays.md.

-- The state `oversold`: paid, and nothing left to send. A check cannot be changed in place, so the column is made anew; what
-- names it goes first.
drop index orders_by_status;
drop index orders_by_currency;
drop index orders_by_amount;
drop trigger lines_held;
drop trigger orders_hold;
drop trigger orders_let_go;
drop trigger orders_paid;
drop trigger orders_unpaid;
drop trigger options_move_pool;
alter table orders add column state text not null default 'awaiting'
    check (state in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid', 'oversold', 'expired',
                     'late', 'shipped', 'refunded', 'cancelled'));
update orders set state = status;
alter table orders drop column status;
alter table orders rename column state to status;
create index orders_by_status on orders (status, placed_at);
create index orders_by_currency on orders (status, list_currency, placed_at);
create index orders_by_amount on orders (status, list_currency, list_amount, placed_at);

-- 0: its items are in the stock; 1: they are taken out for it, until somebody pays for them; 2: they are its own, it is paid.
alter table orders add column reserves integer not null default 0 check (reserves in (0, 1, 2));
update orders set reserves = 2 where status not in ('expired', 'late', 'refunded', 'cancelled');
update orders set reserves = 1 where status in ('awaiting', 'reported');

-- Until when the seller is not notified of it: 0: is notified; 1: until it is reported or paid; 2: until it is paid; 3: until
-- it is clear that no siege begins.
alter table orders add column quiet integer not null default 0 check (quiet in (0, 1, 2, 3));
create index orders_in_burst on orders (id) where quiet = 3;
-- Bytes of its receipt and of its messages to the seller, so that those of unpaid orders can be bounded.
alter table orders add column bytes integer not null default 0 check (0 <= bytes);
-- How long its price is valid, in minutes: `until` is so much after it was placed. Null: it was placed before this was kept.
alter table invoices add column minutes integer;

-- Since when the shop is under siege, in unix seconds; null: it is not. And how many orders were placed since.
alter table house add column siege_since integer;
alter table house add column siege_orders integer not null default 0;
-- The newest order whose messages waited at the last look, to see whether siege mode begins.
alter table house add column burst_seen integer not null default 0;
-- The id of the first order that was placed since.
alter table house add column siege_first integer not null default 0;
-- 1: unpaid orders take all the bytes that they may, and no further one is accepted.
alter table house add column is_full integer not null default 0 check (is_full in (0, 1));
-- 1: so do orders that only their buyers have reported as paid, and no further report is accepted.
alter table house add column reports_full integer not null default 0 check (reports_full in (0, 1));
-- When an order was placed, by the trusted time: unpaid orders of the last hour are counted.
create index invoices_by_placement on invoices (until - coalesce(clock_ahead, 0) - minutes * 60);

-- Messages to the seller that belong to no order, whole, until they are in the Maildir under their name.
create table notices (
    id      integer primary key,
    name    text    not null unique,
    message blob    not null
) strict;

-- Receipt, messages to the seller, and what buyer and seller write.
create trigger words_bytes after insert on words when new.sealed is not null begin
    update orders set bytes = bytes + length(new.sealed) where id = new.order_id;
end;
create trigger owed_bytes after insert on owed when new.message is not null begin
    update orders set bytes = bytes + length(new.message) where id = new.order_id;
end;

-- Of the items that orders hold: those of orders that nobody has paid for. Whoever pays first takes them.
alter table held add column unpaid integer not null default 0;

create trigger lines_held after insert on order_lines begin
    insert into held (product_id, pool_option, pieces, unpaid)
    select new.product_id, new.pool_option, new.quantity, iif(o.reserves = 1, new.quantity, 0)
    from orders o
    where o.id = new.order_id and 0 < o.reserves
        and o.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid')
    on conflict (product_id, pool_option) do update set pieces = pieces + excluded.pieces, unpaid = unpaid + excluded.unpaid;
end;
create trigger orders_held after update of status, reserves on orders
when old.reserves <> new.reserves
    or (old.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid'))
        <> (new.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid')) begin
    insert into held (product_id, pool_option, pieces, unpaid)
    select product_id, pool_option,
        sum(quantity) * (
            (0 < new.reserves and new.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid'))
            - (0 < old.reserves and old.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid'))),
        sum(quantity) * (
            (new.reserves = 1 and new.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid'))
            - (old.reserves = 1 and old.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid')))
    from order_lines where order_id = new.id group by product_id, pool_option
    on conflict (product_id, pool_option) do update set pieces = pieces + excluded.pieces, unpaid = unpaid + excluded.unpaid;
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
-- An option that gets a stock of its own, or joins the product's, takes along what orders of it hold: their pieces come back
-- to where those of the option lie by then. Orders that hold nothing now too: whoever pays late takes its pieces from there.
create trigger options_move_pool after update of stock on options when (old.stock is null) <> (new.stock is null) begin
    update order_lines set pool_option = iif(new.stock is null, 0, new.id)
    where product_id = new.product_id and option_id = new.id and pool_option <> iif(new.stock is null, 0, new.id);
    delete from held where product_id = new.product_id;
    insert into held (product_id, pool_option, pieces, unpaid)
    select l.product_id, l.pool_option, sum(l.quantity), sum(iif(o.reserves = 1, l.quantity, 0))
    from order_lines l join orders o on o.id = l.order_id
    where l.product_id = new.product_id and 0 < o.reserves
        and o.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid')
    group by l.pool_option;
end;

delete from held;
insert into held (product_id, pool_option, pieces, unpaid)
select l.product_id, l.pool_option, sum(l.quantity), sum(iif(o.reserves = 1, l.quantity, 0))
from orders o join order_lines l on l.order_id = o.id
where 0 < o.reserves and o.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid')
group by 1, 2;
