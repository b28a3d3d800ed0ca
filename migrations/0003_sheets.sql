-- The pictures of the shop window on one sheet: one request instead of one for each card.

create table sheets (
    fingerprint text    primary key,    -- of the pictures on it, cell by cell
    width       integer not null,
    height      integer not null,
    webp        text    not null,
    fallback    text    not null
) strict;

-- Which cell a card of the window shows. A picture without a cell is shown by itself.
create table sheet_cells (
    currency text    not null,          -- '': a shop without wallets
    picture  text    not null references pictures,
    sheet    text    not null references sheets,
    cell     integer not null check (cell between 0 and 11),
    primary key (currency, picture)
) strict, without rowid;
