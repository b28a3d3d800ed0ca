-- Every transaction id that a buyer has given for an order, the earlier ones too: one payment cannot pay two orders, whatever
-- else was given since. It goes with its order.
create table given_transactions (
    -- Without `0x`: one payment has one id, however an order's currency writes it.
    transaction_id text    primary key check (length(transaction_id) = 64),
    order_id       integer not null references orders on delete cascade
) strict, without rowid;
create index given_transactions_by_order on given_transactions (order_id);

insert or ignore into given_transactions (transaction_id, order_id)
select iif(transaction_id like '0x%', substr(transaction_id, 3), transaction_id), id from orders
where length(transaction_id) in (64, 66) order by id;
