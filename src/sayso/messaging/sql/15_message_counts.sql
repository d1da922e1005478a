-- Messages of all shops by status, for /metrics: a count names nobody.
create or replace function message_counts() returns table (status text, count bigint)
language sql stable security definer set search_path = public, pg_temp as $$
  select m.status::text, count(*) from message m where m.direction = 'OUT' group by 1
$$;

revoke all on function message_counts() from public;
grant execute on function message_counts() to sayso_app;
