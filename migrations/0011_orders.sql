-- What the desk's lists of orders are found by.

-- As in the order's invoice, so that one index knows state, currency and day. They never change.
alter table orders add column list_currency text not null default '';
alter table orders add column list_amount integer not null default 0;
update orders set list_currency = i.currency, list_amount = i.amount from invoices i where i.order_id = orders.id;
create index orders_by_currency on orders (status, list_currency, placed_at);
create index orders_by_amount on orders (status, list_currency, list_amount, placed_at);

-- The orders whose buyers wait for an answer: their last message is newer than the last answer.
create table unanswered (
    order_id integer primary key references orders on delete cascade,
    asked    integer not null       -- which of the words was the last
) strict;
create index unanswered_by_asked on unanswered (asked);
insert into unanswered (order_id, asked)
select order_id, asked from (
    select order_id, max(case kind when 'question' then id end) as asked, max(case kind when 'answer' then id end) as answered
    from words where kind in ('question', 'answer') group by order_id)
where coalesce(answered, 0) < asked;
create trigger words_asked after insert on words when new.kind = 'question' begin
    insert into unanswered (order_id, asked) values (new.order_id, new.id)
    on conflict (order_id) do update set asked = excluded.asked;
end;
create trigger words_answered after insert on words when new.kind = 'answer' begin
    delete from unanswered where order_id = new.order_id;
end;
-- Words are erased all at once.
create trigger words_erased after delete on words when old.kind = 'question' begin
    delete from unanswered where order_id = old.order_id;
end;
