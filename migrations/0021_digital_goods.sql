-- Codes that products sell. One that was given is known by its fingerprint alone, so that it is never given again.
create table codes (
    id integer primary key,
    pool text not null,
    fingerprint text not null unique check (length(fingerprint) = 64),
    -- null: given to a buyer
    code text
) strict;
create index codes_left on codes (pool, id) where code is not null;
create index products_with_codes on products (codes) where codes <> '';

-- What orders delivered on their pages. Codes and texts are encrypted to the buyer; a row without either is erased.
create table deliveries (
    order_id integer not null references orders (id) on delete cascade,
    position integer not null check (0 <= position),
    -- the position of the order's line
    line integer not null,
    kind text not null check (kind in ('file', 'codes', 'text')),
    file text,
    sealed blob,
    -- how often the file may be downloaded; null: no limit
    downloads integer,
    -- for how many days after `since`, a day; null: as long as the order is kept
    days integer,
    since integer not null,
    -- bytes that were sent, counted only where there is a limit
    sent integer not null default 0 check (0 <= sent),
    primary key (order_id, position)
) strict, without rowid;
create index deliveries_of_files on deliveries (file) where file is not null;

-- Whether the buyer has got everything on the order's page: then nothing is left for the seller to do, and the order holds
-- nothing of the stock.
alter table orders add column is_delivered integer not null default 0 check (is_delivered in (0, 1));
create index orders_delivered on orders (status) where is_delivered = 1;

drop trigger orders_hold_stock;
create trigger orders_hold_stock after update of status, reserves, is_delivered on orders
when old.reserves <> new.reserves or old.is_delivered <> new.is_delivered
    or (old.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid'))
        <> (new.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid')) begin
    insert into held_stock (product_id, pool_option, quantity, unpaid)
    select product_id, pool_option,
        sum(quantity) * (
            (0 < new.reserves and new.is_delivered = 0
                and new.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid'))
            - (0 < old.reserves and old.is_delivered = 0
                and old.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid'))),
        sum(quantity) * (
            (new.reserves = 1 and new.is_delivered = 0
                and new.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid'))
            - (old.reserves = 1 and old.is_delivered = 0
                and old.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid')))
    from order_lines where order_id = new.id group by product_id, pool_option
    on conflict (product_id, pool_option)
    do update set quantity = quantity + excluded.quantity, unpaid = unpaid + excluded.unpaid;
    -- A row that is empty again would show what was ordered once.
    delete from held_stock where quantity = 0 and product_id in (select product_id from order_lines where order_id = new.id);
end;
drop trigger options_move_orders;
create trigger options_move_orders after update of stock on options when (old.stock is null) <> (new.stock is null) begin
    update order_lines set pool_option = iif(new.stock is null, 0, new.id)
    where product_id = new.product_id and option_id = new.id and pool_option <> iif(new.stock is null, 0, new.id);
    delete from held_stock where product_id = new.product_id;
    insert into held_stock (product_id, pool_option, quantity, unpaid)
    select l.product_id, l.pool_option, sum(l.quantity), sum(iif(o.reserves = 1, l.quantity, 0))
    from order_lines l join orders o on o.id = l.order_id
    where l.product_id = new.product_id and 0 < o.reserves and o.is_delivered = 0
        and o.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid')
    group by l.pool_option;
end;
