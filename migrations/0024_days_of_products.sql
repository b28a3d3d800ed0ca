-- A product gets its day when it is added. Copies had none.
update products set added_on = unixepoch('now', 'start of day') where added_on is null;
drop index products_without_day;
