-- What says who a buyer is stands only in the message to the seller, and sealed to the buyer. The tables keep what the
-- shop needs: reference, items, amounts, states, days.

-- The shop itself: one row.
create table house (
    id          integer primary key check (id = 1),
    -- Goes into lookup names and readers' keys, so that a list of codes made for another shop is of no use here. Empty in
    -- a shop that had orders before it had a salt: their codes go on opening them.
    salt        blob    not null,
    fingerprint text,               -- of the seller's key that was last used; null: the shop never had one
    closed_on   integer,            -- unix seconds of a day's beginning; null: the seller has not closed the shop
    looked_on   integer             -- the same: the last day on which the shop looked at the clock
) strict;
insert into house (id, salt) select 1, case when exists (select 1 from orders) then x'' else randomblob(32) end;

-- The messages that are owed to the seller: whole, as they will lie in the Maildir, until they do.
create table owed (
    id       integer primary key,
    order_id integer not null references orders on delete cascade,
    number   integer not null,          -- 0: the order itself, then 1, 2 … within the order
    at       integer not null unique,   -- of the mailbox's clock: a day's beginning and, in seconds, the number within it
    is_read  integer not null default 0 check (is_read in (0, 1)), -- 1: tells the seller's own deed
    message  blob,                      -- null: told
    unique (order_id, number)
) strict;
create index owed_untold on owed (id) where message is not null;

insert into owed (id, order_id, number, at)
select t.id, t.order_id, t.number, t.at - t.at % 86400 + t.id from tidings t;
-- What an earlier version had not yet told, in the shortest form.
update owed set message = cast(w.words as blob) from (
    select t.id as id, 'From: order+' || o.order_ref || '@shop.invalid' || char(10)
        || 'Reply-To: order+' || o.order_ref || '@shop.invalid' || char(10)
        || 'To: root@localhost' || char(10)
        || 'Subject: ' || case when t.kind = 'order' then 'New order ' || o.order_ref || case when t.status = 'awaiting' then ' - unpaid' else '' end
                               else 'Payment for order ' || o.order_ref || ': ' || t.status end || char(10)
        || 'Message-ID: <' || o.order_ref || '.' || t.number || '@shop.invalid>' || char(10)
        || case when t.number = 0 then '' else 'In-Reply-To: <' || o.order_ref || '.0@shop.invalid>' || char(10) end
        || 'X-Shop-Order: ' || o.order_ref || char(10) || 'X-Shop-State: ' || t.status || char(10)
        || 'MIME-Version: 1.0' || char(10) || 'Content-Type: text/plain; charset=utf-8' || char(10)
        || 'Content-Transfer-Encoding: 8bit' || char(10) || char(10)
        || 'This order was placed before the shop was updated. Its bill: shop orders show ' || o.order_ref || char(10) || char(10)
        || 'DELIVERY' || char(10) || '  | ' || o.recipient || char(10) || '  | ' || replace(o.street, char(10), char(10) || '  | ') || char(10)
        || '  | ' || o.city || char(10) || '  | ' || o.province || char(10) || '  | ' || o.postcode || char(10) || '  | ' || o.country || char(10)
        || coalesce(char(10) || o.pgp, '')
        || case when o.email = '' then '' else char(10) || 'E-MAIL' || char(10) || '  | ' || o.email || char(10) end
        || case when o.note = '' then '' else char(10) || 'NOTE' || char(10) || '  | ' || replace(o.note, char(10), char(10) || '  | ') || char(10) end
        || coalesce(char(10) || 'REFUND ADDRESS' || char(10) || '  | ' || o.refund || char(10), '') as words
    from tidings t join orders o on o.id = t.order_id where t.told_at is null) as w where w.id = owed.id;
-- The seller's notes of their own, which the tables no longer keep.
insert into owed (order_id, number, at, message)
select o.id, (select count(*) from tidings t where t.order_id = o.id), (select coalesce(max(at), 0) from owed) + o.id,
    cast('From: order+' || o.order_ref || '@shop.invalid' || char(10) || 'To: root@localhost' || char(10)
        || 'Subject: Message about order ' || o.order_ref || char(10)
        || 'Message-ID: <' || o.order_ref || '.' || (select count(*) from tidings t where t.order_id = o.id) || '@shop.invalid>' || char(10)
        || 'In-Reply-To: <' || o.order_ref || '.0@shop.invalid>' || char(10)
        || 'X-Shop-Order: ' || o.order_ref || char(10) || 'X-Shop-State: ' || o.status || char(10)
        || 'MIME-Version: 1.0' || char(10) || 'Content-Type: text/plain; charset=utf-8' || char(10)
        || 'Content-Transfer-Encoding: 8bit' || char(10) || char(10)
        || 'Your own note, which the shop no longer keeps in its tables:' || char(10) || char(10)
        || '  | ' || replace(o.seller_note, char(10), char(10) || '  | ') || char(10) as blob)
from orders o where o.seller_note <> '';
drop table tidings;

-- The age recipient (X25519) of whoever knows the code; null: placed before there was one, or erased by the buyer.
alter table orders add column reader text;
-- The newest of its words when the code was last typed.
alter table orders add column seen_word integer not null default 0;
alter table orders drop column recipient;
alter table orders drop column street;
alter table orders drop column city;
alter table orders drop column province;
alter table orders drop column country;
alter table orders drop column postcode;
alter table orders drop column pgp;
alter table orders drop column email;
alter table orders drop column note;
alter table orders drop column refund;
alter table orders drop column seller_note;
alter table orders drop column word;
-- By the day: the hour is not needed.
update orders set placed_at = placed_at - placed_at % 86400, finished_at = finished_at - finished_at % 86400;

-- What buyer and seller said, and what happened, the oldest first.
create table words (
    id         integer primary key,
    order_id   integer not null references orders on delete cascade,
    kind       text    not null check (kind in ('receipt', 'step', 'answer', 'question')),
    day        integer not null,        -- unix seconds of its beginning
    status     text,                    -- of a step: where the order stands from then on
    sealed     blob,                    -- to the reader (age); null: a step without words
    message_id blob check (length(message_id) = 32), -- of the seller's mail, hashed: a mail that comes twice is kept once
    told       integer,                 -- of a question: the number of the message in which the seller was told it
    is_read    integer not null default 0 check (is_read in (0, 1)), -- of a question: the seller has opened that message
    unique (order_id, kind, message_id)
) strict;
create index words_by_order on words (order_id, id);
