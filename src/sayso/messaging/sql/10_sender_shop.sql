-- Whose deliveries these are. Meta names a number or a business account, never a shop, and while the shop is unknown
-- nobody can be let in by row-level security; so two narrow questions are answered by the owner.
create or replace function sender_shop(phone_number_ids text[]) returns table (phone_number_id text, shop_id bigint)
language sql stable security definer set search_path = public, pg_temp as $$
  select distinct s.phone_number_id::text, s.shop_id from sender s
  where s.channel = 'whatsapp' and s.phone_number_id = any (phone_number_ids)
$$;

create or replace function account_shop(account_ids text[]) returns table (account_id text, shop_id bigint)
language sql stable security definer set search_path = public, pg_temp as $$
  select distinct s.account_id::text, s.shop_id from sender s
  where s.channel = 'whatsapp' and s.account_id <> '' and s.account_id = any (account_ids)
$$;

revoke all on function sender_shop(text[]), account_shop(text[]) from public;
grant execute on function sender_shop(text[]), account_shop(text[]) to sayso_app;
