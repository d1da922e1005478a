-- An amount without the third decimal that only a few currencies have.
CREATE OR REPLACE FUNCTION money_text(amount numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN scale(trim_scale(amount)) > 2 THEN amount ELSE round(amount, 2) END::text
$$;

-- What happened longer ago than deliveries are late and a daily comparison finds them is history: nothing follows from it.
CREATE OR REPLACE FUNCTION late(moment timestamptz) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT moment < now() - interval '2 days'
$$;

-- What the log says of an order.
CREATE OR REPLACE FUNCTION order_facts(id bigint, name text, total numeric, currency text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_build_object('order', id::text, 'name', name, 'total', money_text(total), 'currency', currency)
$$;
