-- Whose deliveries these are. Meta names a number or a business account, never a shop, and while the shop is unknown
-- nobody can be let in by row-level security; so two narrow questions are answered by the owner. Whoever has a Meta app can
-- sign for any number: only the app the number is connected through counts (`apps`; NULL: it was not signed).
drop function if exists sender_shop(text[]);
drop function if exists account_shop(text[]);

create or replace function sender_shop(phone_number_ids text[], apps bigint[])
returns table (phone_number_id text, shop_id bigint)
language sql stable security definer set search_path = public, pg_temp as $$
  select distinct s.phone_number_id::text, s.shop_id from sender s
  where s.channel = 'whatsapp' and s.phone_number_id = any (phone_number_ids)
  and (apps is null or s.provider_app_id = any (apps))
$$;

create or replace function account_shop(account_ids text[], apps bigint[]) returns table (account_id text, shop_id bigint)
language sql stable security definer set search_path = public, pg_temp as $$
  select distinct s.account_id::text, s.shop_id from sender s
  where s.channel = 'whatsapp' and s.account_id <> '' and s.account_id = any (account_ids)
  and (apps is null or s.provider_app_id = any (apps))
$$;

revoke all on function sender_shop, account_shop from public;
grant execute on function sender_shop, account_shop to sayso_app;
