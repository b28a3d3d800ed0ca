-- How often the desk's password was right and the code of the second factor wrong, until the seller has said whose doing it
-- was or has changed the password.
alter table desk add column wrong_codes integer not null default 0;
alter table desk add column wrong_codes_since integer;      -- unix seconds, to the minute
