-- Web processes keep the providers' secrets in memory; a change reaches them at once.
create or replace function provider_app_changed() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
  perform pg_notify('sayso_provider_app', '');
  return null;
end $$;

create or replace trigger provider_app_changed after insert or update or delete or truncate on provider_app
  for each statement execute function provider_app_changed();

-- A queue: rows are claimed within the second, and every claim would wade through the dead entries of the index.
alter table delivery set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
                          autovacuum_analyze_scale_factor = 0.05);
