-- The name that the code uses.
alter table clock rename column may_step to allowed_step;
