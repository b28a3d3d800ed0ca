-- How the shop looks, and the seller's pages as they are written at the desk.

create table look (
    only          integer primary key check (only = 1),
    edition       integer not null default 1,
    name          text    check (length(name) between 1 and 60),       -- null: as in the settings
    contact       text    check (length(contact) <= 120),              -- null: as in the settings; '': none
    notice        text    not null default '',                         -- Markdown, on the shop window; '': none
    notice_html   text    not null default '',
    accent        text    check (accent glob '#[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]'),  -- null: the shop's own
    logo_width    integer,
    logo_height   integer,
    logo_webp     text,
    logo_fallback text,
    check ((logo_webp is null) = (logo_fallback is null) and (logo_webp is null) = (logo_width is null)
        and (logo_webp is null) = (logo_height is null))
) strict;
insert into look (only) values (1);

-- The page as it is written; null: known only as it is shown, from a shop that did not keep the text.
alter table pages add column markdown text;
-- What db/pages last said of it; null: made at the desk. A page that an older shop hung was a file's.
alter table pages add column file_markdown text;
update pages set file_markdown = '';
alter table pages add column edition integer not null default 1;
-- Taken down at the desk while its file stays as it was: remembered, so that the file does not hang it again.
alter table pages add column is_gone integer not null default 0 check (is_gone in (0, 1));
