-- The seller's web desk: who may sit at it, and what was done there.

-- The seller's one password.
create table desk (
    id       integer primary key check (id = 1),
    password text,                      -- as Argon2id made it, with its salt and parameters; null: none was set
    factor   blob    check (length(factor) = 20),           -- the secret of the second factor; null: the password is enough
    factor_step integer not null default 0,                 -- the last half minute whose code was used
    pending_factor blob check (length(pending_factor) = 20), -- a secret that no code has confirmed yet
    -- How often the password was right and the code of the second factor wrong, until the seller has said whose doing it was
    -- or has changed the password.
    wrong_codes       integer not null default 0,
    wrong_codes_since integer           -- unix seconds, to the minute
) strict;
insert into desk (id) values (1);

-- What stands in for a code of the second factor, once each.
create table desk_recovery (
    hash     blob    primary key check (length(hash) = 32)
) strict, without rowid;

create table desk_sessions (
    name     blob    primary key check (length(name) = 32), -- the hash of what the browser holds
    begun_at integer not null,          -- unix seconds, to the minute
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
