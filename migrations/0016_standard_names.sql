-- Tables and columns have the names that the code has. Nothing in them changes.

-- All triggers are made anew: a renamed table would take the place of `excluded` in them.
drop trigger lines_held;
drop trigger options_move_pool;
drop trigger orders_counted;
drop trigger orders_erased;
drop trigger orders_held;
drop trigger orders_paid;
drop trigger orders_unpaid;
drop trigger owed_bytes;
drop trigger sold_changed;
drop trigger sold_inserted;
drop trigger words_answered;
drop trigger words_asked;
drop trigger words_bytes;
drop trigger words_erased;
drop index deeds_by_order;
drop index deeds_by_time;
drop index given_transactions_by_order;
drop index heard_forms_by_age;
drop index owed_untold;
drop index shelf_by_product;
drop index unanswered_by_asked;
drop index words_by_order;

alter table house rename to shop_state;
-- The table `clock` has replaced it.
alter table shop_state drop column looked_on;
alter table deeds rename to audit_log;
alter table look rename to appearance;
alter table desk rename to desk_login;
alter table heard_forms rename to handled_forms;
alter table given_transactions rename to used_transactions;
alter table sheets rename to sprite_sheets;
alter table sheet_cells rename to sprites;
alter table shelf rename to listing;
alter table shelf_sizes rename to listing_sizes;

-- What the seller is notified of.
alter table owed rename to outbox;
alter table words rename to messages;
alter table messages rename column told to outbox_number;
alter table messages rename column message_id to idempotency_key;
alter table unanswered rename column asked to message_id;

alter table orders rename column reader to recipient;
alter table orders rename column seen_word to seen_message;
alter table orders rename column form_token to checkout_key;
alter table orders rename column quiet to notification_hold;
alter table invoices rename column is_alone to has_own_address;
alter table orders rename column sending_name to shipping_name;
alter table orders rename column sending_price to shipping_price;
alter table orders rename column discount_less to discount_amount;

-- What open orders hold, and what was sold.
alter table held rename to held_stock;
alter table held_stock rename column pieces to quantity;
alter table takings rename to daily_sales;
alter table daily_sales rename column taken to received;
alter table sold rename to weekly_sales;
alter table weekly_sales rename column pieces to quantity;
alter table sold_since rename to best_sold_since;
alter table best_sold rename column pieces to quantity;

-- The key of these three is an account's name, not the extended public key itself.
alter table derivations rename to address_indexes;
alter table address_indexes rename column xpub to account;
alter table used_indexes rename column xpub to account;
alter table looked_ahead rename to scanned_addresses;
alter table scanned_addresses rename column xpub to account;
alter table scanned_addresses rename column looked_to to scanned_to;
alter table watches rename to watched_networks;
alter table watched_networks rename column looked_at to scanned_at;
alter table watched_networks rename column memory to scan_state;
alter table watched_networks rename column trouble to problem;
alter table watched_networks rename column trouble_since to problem_since;
alter table watched_networks rename column is_told to is_notified;

create index audit_log_by_order on audit_log (order_id) where order_id is not null;
create index audit_log_by_time on audit_log (at);
create index used_transactions_by_order on used_transactions (order_id);
create index handled_forms_by_time on handled_forms (at);
create index outbox_undelivered on outbox (id) where message is not null;
create index listing_by_product on listing (product_id, currency, category, position);
create index unanswered_by_message on unanswered (message_id);
create index messages_by_order on messages (order_id, id);

create trigger orders_deleted after delete on orders begin
    update shop_state set last_order = max(last_order, old.id);
end;

-- What open orders hold of each stock; `unpaid`: what they only reserve.
create trigger order_lines_hold_stock after insert on order_lines begin
    insert into held_stock (product_id, pool_option, quantity, unpaid)
    select new.product_id, new.pool_option, new.quantity, iif(o.reserves = 1, new.quantity, 0)
    from orders o
    where o.id = new.order_id and 0 < o.reserves
        and o.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid')
    on conflict (product_id, pool_option)
    do update set quantity = quantity + excluded.quantity, unpaid = unpaid + excluded.unpaid;
end;
create trigger orders_hold_stock after update of status, reserves on orders
when old.reserves <> new.reserves
    or (old.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid'))
        <> (new.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid')) begin
    insert into held_stock (product_id, pool_option, quantity, unpaid)
    select product_id, pool_option,
        sum(quantity) * (
            (0 < new.reserves and new.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid'))
            - (0 < old.reserves and old.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid'))),
        sum(quantity) * (
            (new.reserves = 1 and new.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid'))
            - (old.reserves = 1 and old.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid')))
    from order_lines where order_id = new.id group by product_id, pool_option
    on conflict (product_id, pool_option)
    do update set quantity = quantity + excluded.quantity, unpaid = unpaid + excluded.unpaid;
    -- A row that is empty again would show what was ordered once.
    delete from held_stock where quantity = 0 and product_id in (select product_id from order_lines where order_id = new.id);
end;
-- An option that gets its own stock, or shares the product's again, takes its open orders along.
create trigger options_move_orders after update of stock on options when (old.stock is null) <> (new.stock is null) begin
    update order_lines set pool_option = iif(new.stock is null, 0, new.id)
    where product_id = new.product_id and option_id = new.id and pool_option <> iif(new.stock is null, 0, new.id);
    delete from held_stock where product_id = new.product_id;
    insert into held_stock (product_id, pool_option, quantity, unpaid)
    select l.product_id, l.pool_option, sum(l.quantity), sum(iif(o.reserves = 1, l.quantity, 0))
    from order_lines l join orders o on o.id = l.order_id
    where l.product_id = new.product_id and 0 < o.reserves
        and o.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid')
    group by l.pool_option;
end;

-- Sales by the day and by the week.
create trigger invoices_counted after insert on invoices begin
    insert into daily_sales (day, currency, orders)
    select o.placed_at - o.placed_at % 86400, new.currency, 1 from orders o where o.id = new.order_id
    on conflict (day, currency) do update set orders = orders + 1;
end;
create trigger orders_paid after update of status on orders
when new.status in ('confirmed', 'overpaid') and old.status not in ('confirmed', 'overpaid') begin
    insert into daily_sales (day, currency, paid)
    select new.placed_at - new.placed_at % 86400, currency, 1 from invoices where order_id = new.id
    on conflict (day, currency) do update set paid = paid + 1;
    insert into weekly_sales (week, product_id, quantity)
    select new.placed_at - new.placed_at % 86400 - (new.placed_at / 86400 + 3) % 7 * 86400, product_id, sum(quantity)
    from order_lines where order_id = new.id group by product_id
    on conflict (week, product_id) do update set quantity = quantity + excluded.quantity;
end;
create trigger orders_unpaid after update of status on orders
when old.status in ('confirmed', 'overpaid') and new.status in ('unconfirmed', 'partial') begin
    insert into daily_sales (day, currency, paid)
    select new.placed_at - new.placed_at % 86400, currency, -1 from invoices where order_id = new.id
    on conflict (day, currency) do update set paid = paid - 1;
    insert into weekly_sales (week, product_id, quantity)
    select new.placed_at - new.placed_at % 86400 - (new.placed_at / 86400 + 3) % 7 * 86400, product_id, -sum(quantity)
    from order_lines where order_id = new.id group by product_id
    on conflict (week, product_id) do update set quantity = quantity + excluded.quantity;
end;
create trigger weekly_sales_inserted after insert on weekly_sales when new.week >= (select week from best_sold_since) begin
    insert into best_sold (product_id, quantity) values (new.product_id, new.quantity)
    on conflict (product_id) do update set quantity = quantity + excluded.quantity;
end;
create trigger weekly_sales_changed after update of quantity on weekly_sales when new.week >= (select week from best_sold_since) begin
    update best_sold set quantity = quantity + new.quantity - old.quantity where product_id = new.product_id;
end;

-- The size of an order's messages, and which questions are not answered yet.
create trigger outbox_bytes after insert on outbox when new.message is not null begin
    update orders set bytes = bytes + length(new.message) where id = new.order_id;
end;
create trigger messages_bytes after insert on messages when new.sealed is not null begin
    update orders set bytes = bytes + length(new.sealed) where id = new.order_id;
end;
create trigger messages_question after insert on messages when new.kind = 'question' begin
    insert into unanswered (order_id, message_id) values (new.order_id, new.id)
    on conflict (order_id) do update set message_id = excluded.message_id;
end;
create trigger messages_answer after insert on messages when new.kind = 'answer' begin
    delete from unanswered where order_id = new.order_id;
end;
create trigger messages_erased after delete on messages when old.kind = 'question' begin
    delete from unanswered where order_id = old.order_id;
end;
