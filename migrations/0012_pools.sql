-- An option that gets a stock of its own, or joins the product's, takes along what orders of it hold: their pieces come back
-- to where those of the option lie by then.
create trigger options_move_pool after update of stock on options when (old.stock is null) <> (new.stock is null) begin
    insert into held (product_id, pool_option, pieces)
    select l.product_id, l.pool_option, -sum(l.quantity) from order_lines l join orders o on o.id = l.order_id
    where l.product_id = new.product_id and l.option_id = new.id and l.pool_option <> iif(new.stock is null, 0, new.id)
        and o.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid')
    group by l.pool_option
    on conflict (product_id, pool_option) do update set pieces = pieces + excluded.pieces;
    insert into held (product_id, pool_option, pieces)
    select l.product_id, iif(new.stock is null, 0, new.id), sum(l.quantity) from order_lines l join orders o on o.id = l.order_id
    where l.product_id = new.product_id and l.option_id = new.id and l.pool_option <> iif(new.stock is null, 0, new.id)
        and o.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid')
    group by l.product_id
    on conflict (product_id, pool_option) do update set pieces = pieces + excluded.pieces;
    delete from held where pieces = 0 and product_id = new.product_id;
    -- Those that hold nothing now too: whoever pays late takes its pieces from there.
    update order_lines set pool_option = iif(new.stock is null, 0, new.id)
    where product_id = new.product_id and option_id = new.id and pool_option <> iif(new.stock is null, 0, new.id);
end;

-- Where that had happened before.
update order_lines set pool_option = iif(pool_option = 0, option_id, 0)
where option_id <> 0 and exists (select 1 from options c where c.id = order_lines.option_id
    and (c.stock is null) <> (order_lines.pool_option = 0));
delete from held;
insert into held (product_id, pool_option, pieces)
select l.product_id, l.pool_option, sum(l.quantity) from orders o join order_lines l on l.order_id = o.id
where o.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid') group by 1, 2;

-- Forms of the desk that were heard, so that one that is sent twice is heard once.
create table heard_forms (
    form   text    primary key,    -- made by chance, and what was asked with it
    at     integer not null,       -- unix seconds
    answer text    not null        -- what its answer names
) strict, without rowid;
create index heard_forms_by_age on heard_forms (at);
