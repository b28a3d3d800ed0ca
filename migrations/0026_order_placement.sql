-- Fewer pages are written for each order: see docs/decisions/0030-orders-in-batches.md.

-- A message's time by the mailbox's clock is unique, so it is the row's number too.
create table outbox_by_time (
    at       integer primary key,       -- a day's beginning and, in seconds, the number within it
    order_id integer not null references orders on delete cascade,
    number   integer not null,          -- 0: the order itself, then 1, 2 … within the order
    is_read  integer not null default 0 check (is_read in (0, 1)), -- 1: tells the seller's own action
    is_erasure integer not null default 0 check (is_erasure in (0, 1)), -- 1: tells that the buyer's data was erased
    message  blob,                      -- null: it is in the Maildir
    unique (order_id, number)
) strict;
insert into outbox_by_time (at, order_id, number, is_read, is_erasure, message)
select at, order_id, number, is_read, is_erasure, message from outbox order by at;
drop table outbox;
alter table outbox_by_time rename to outbox;
create index outbox_undelivered on outbox (at) where message is not null;
create trigger outbox_bytes after insert on outbox when new.message is not null begin
    update orders set bytes = bytes + length(new.message) where id = new.order_id;
end;

-- The unique index of the messages begins with the order too. No query finds invoices by the end of their time alone.
drop index messages_by_order;
drop index invoices_by_until;

-- Grows with every change of what all prices are made from, so that orders read it only after a change.
alter table catalog_state add column pricing_version integer not null default 0;
create trigger wallets_inserted after insert on wallets begin update catalog_state set pricing_version = pricing_version + 1; end;
create trigger wallets_updated after update on wallets begin update catalog_state set pricing_version = pricing_version + 1; end;
create trigger wallets_deleted after delete on wallets begin update catalog_state set pricing_version = pricing_version + 1; end;
create trigger exchange_rates_inserted after insert on exchange_rates begin update catalog_state set pricing_version = pricing_version + 1; end;
create trigger exchange_rates_updated after update on exchange_rates begin update catalog_state set pricing_version = pricing_version + 1; end;
create trigger exchange_rates_deleted after delete on exchange_rates begin update catalog_state set pricing_version = pricing_version + 1; end;
create trigger shipping_rates_inserted after insert on shipping_rates begin update catalog_state set pricing_version = pricing_version + 1; end;
create trigger shipping_rates_updated after update on shipping_rates begin update catalog_state set pricing_version = pricing_version + 1; end;
create trigger shipping_rates_deleted after delete on shipping_rates begin update catalog_state set pricing_version = pricing_version + 1; end;
create trigger shipping_steps_inserted after insert on shipping_steps begin update catalog_state set pricing_version = pricing_version + 1; end;
create trigger shipping_steps_updated after update on shipping_steps begin update catalog_state set pricing_version = pricing_version + 1; end;
create trigger shipping_steps_deleted after delete on shipping_steps begin update catalog_state set pricing_version = pricing_version + 1; end;
create trigger shipping_prices_inserted after insert on shipping_prices begin update catalog_state set pricing_version = pricing_version + 1; end;
create trigger shipping_prices_updated after update on shipping_prices begin update catalog_state set pricing_version = pricing_version + 1; end;
create trigger shipping_prices_deleted after delete on shipping_prices begin update catalog_state set pricing_version = pricing_version + 1; end;
create trigger shipping_free_from_inserted after insert on shipping_free_from begin update catalog_state set pricing_version = pricing_version + 1; end;
create trigger shipping_free_from_updated after update on shipping_free_from begin update catalog_state set pricing_version = pricing_version + 1; end;
create trigger shipping_free_from_deleted after delete on shipping_free_from begin update catalog_state set pricing_version = pricing_version + 1; end;
