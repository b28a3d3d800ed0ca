-- What the seller's own nodes saw, and what is needed to ask them.

-- Which chain it is paid on: 'bitcoin', 'monero', 'chain:1' for Ethereum and what is like it (EIP-155).
alter table invoices add column network text not null default '';
update invoices set network = case when chain is not null then 'chain:' || chain when currency = 'BTC' then 'bitcoin' else 'monero' end;
-- Which account its address was made from, and with which index; null: from none.
alter table invoices add column account text;
alter table invoices add column key_index integer;
-- 0: other orders pay to the same address, so that only a payment of exactly its amount is its own.
-- What older orders pay to may have been shared before, and nobody can tell any more.
alter table invoices add column is_alone integer not null default 0 check (is_alone in (0, 1));
-- Gwei that came, and Gwei of it that lie deep enough, at the node's last look; null: no node follows it.
alter table invoices add column seen integer check (0 <= seen);
alter table invoices add column settled integer check (0 <= settled);
-- Of the youngest part of what was seen, and how many it must have; 0: not known yet.
alter table invoices add column confirmations integer;
alter table invoices add column needed integer;
-- 1: something left the address before it was seen to settle.
alter table invoices add column is_moved integer not null default 0 check (is_moved in (0, 1));
-- Seconds by which the chain's clock was ahead of this host's when the order was placed.
alter table invoices add column ahead integer not null default 0;
create index invoices_by_network on invoices (network);

-- The chains that `shop watch` follows, or has followed.
create table watches (
    network       text    primary key,
    is_on         integer not null default 1 check (is_on in (0, 1)), -- 0: nobody follows it now; what was known stays
    looked_at     integer,          -- unix seconds, by the host's clock: the last whole look
    time          integer,          -- unix seconds, by the chain's: what was not seen until then did not come until then
    ahead         integer not null default 0, -- seconds by which the chain's clock is ahead of this host's
    head          integer,          -- the newest block's number
    memory        text,             -- the node's reader's own
    trouble       text,             -- why nothing is decided just now; null: all is well
    trouble_since integer,          -- unix seconds
    is_told       integer not null default 0 check (is_told in (0, 1)) -- the seller was written to about it
) strict;

-- Indexes that were used on the chain before the shop gave them out, so that it never does.
create table used_indexes (
    xpub      text    not null,
    key_index integer not null,
    primary key (xpub, key_index)
) strict, without rowid;
-- Up to which index (without it) a node was asked whether they were used.
create table looked_ahead (
    xpub      text    not null,
    currency  text    not null,
    looked_to integer not null,
    primary key (xpub, currency)
) strict, without rowid;
-- The highest index that was paid to.
alter table derivations add column paid_index integer;

-- Monero's private view key: it sees what comes in, and spends nothing.
alter table wallets add column view_key text;

-- 1: tells that a buyer erased their data. It is only asked where the message could not be sealed when it was owed.
alter table owed add column is_erasure integer not null default 0 check (is_erasure in (0, 1));
update owed set is_erasure = 1 where is_read = 0 and length(message) = 0;

-- A row's number is never another order's later: what nodes' readers remember goes by it.
alter table house add column last_order integer not null default 0;
create trigger orders_erased after delete on orders begin
    update house set last_order = max(last_order, old.id);
end;
