-- The shop's trusted clock: see docs/decisions/0014-trusted-time.md.

-- One row once a clock was looked at; src/values/trusted_time.rs holds the rule.
create table clock (
    only       integer primary key check (only = 1),
    ticks      integer not null,          -- seconds since the system was started, by a clock that nobody can set
    time       integer not null,          -- the trusted time at that moment, in unix seconds
    may_step   integer not null default 0, -- seconds by which the host's clock may be ahead at the next look
    ahead      integer,                   -- seconds by which the host's clock is ahead of the trusted time; null: they agree
    stable_for integer not null default 0 -- seconds for which it has been ahead by as much
) strict;
-- Of an older shop only the day is known: its clock may go on by two days.
insert into clock (only, ticks, time, may_step)
select 1, 9223372036854775807, looked_on, 172800 from house where looked_on is not null;
update house set looked_on = null;

-- Of an order that was placed while the clock was in doubt: by how many seconds `until` is ahead of the trusted time.
alter table invoices add column clock_ahead integer;
create index invoices_in_doubt on invoices (order_id) where clock_ahead is not null;
-- 1: it was finished while the clock was in doubt, so that the day is not known yet.
alter table orders add column finished_in_doubt integer not null default 0 check (finished_in_doubt in (0, 1));
create index orders_in_doubt on orders (id) where finished_in_doubt = 1;

-- How long a price stands is kept by the whole minute.
update invoices set until = (until + 59) / 60 * 60 where until % 60 <> 0;
