-- The seller's web desk: who may sit at it, and what was done there.

-- The seller's one password.
create table desk (
    id       integer primary key check (id = 1),
    password text,                      -- as Argon2id made it, with its salt and parameters; null: none was set
    edition  integer not null default 1
) strict;
insert into desk (id) values (1);

create table desk_sessions (
    name     blob    primary key check (length(name) = 32), -- the hash of what the browser holds
    begun_at integer not null,          -- unix seconds
    seen_at  integer not null           -- unix seconds, to the minute
) strict, without rowid;

-- What the seller did at the desk. Erased with KEEP_DAYS.
create table deeds (
    id       integer primary key,
    at       integer not null,          -- unix seconds of a minute's beginning
    what     text    not null,
    order_id integer references orders on delete cascade
) strict;
create index deeds_by_time on deeds (at);
create index deeds_by_order on deeds (order_id) where order_id is not null;

-- How often the catalog was changed at the desk since it was last filled from the seller's file.
alter table catalog_state add column desk_changes integer not null default 0;
