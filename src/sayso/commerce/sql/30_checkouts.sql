-- Bring checkouts as webhooks tell them into `checkout`: whole pictures, of which the newest wins. p_checkouts: an array of
-- objects with the columns' names, keys of addresses in hexadecimal. What belongs to somebody who was erased is not kept.
CREATE OR REPLACE FUNCTION commerce_apply_checkouts(p_checkouts jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    shop bigint := current_shop();
BEGIN
    -- One batch at a time, so that a checkout and its deletion cannot miss each other.
    PERFORM pg_advisory_xact_lock(hashtextextended('checkouts', shop));
    INSERT INTO checkout AS held (shop_id, token, cart_token, shopify_customer_id, email, email_key, phone, phone_key,
        own_phone, sms_phone, sms_phone_key, first_name, last_name, country, locale, accepts_email, accepts_sms, total,
        currency, lines, url, started_at, completed_at, source_updated_at, source_sequence)
    SELECT DISTINCT ON (c.token) shop, c.token, c.cart_token, c.shopify_customer_id, c.email, decode(c.email_key, 'hex'),
        c.phone, decode(c.phone_key, 'hex'), c.own_phone, c.sms_phone, decode(c.sms_phone_key, 'hex'), c.first_name,
        c.last_name, c.country, c.locale, c.accepts_email, c.accepts_sms, c.total, c.currency, c.lines, c.url,
        c.started_at, c.completed_at, c.at, c.sequence
    FROM jsonb_to_recordset(p_checkouts) AS c (token text, cart_token text, shopify_customer_id bigint, email text,
        email_key text, phone text, phone_key text, own_phone boolean, sms_phone text, sms_phone_key text, first_name text,
        last_name text, country text, locale text, accepts_email boolean, accepts_sms boolean, total numeric, currency text,
        lines jsonb, url text, started_at timestamptz, completed_at timestamptz, at timestamptz, sequence bigint)
    LEFT JOIN LATERAL (
        SELECT true AS erased FROM contact e WHERE e.shop_id = (SELECT shop)
        AND e.shopify_customer_id = c.shopify_customer_id AND e.redacted_at IS NOT NULL LIMIT 1
    ) customer ON c.shopify_customer_id IS NOT NULL
    LEFT JOIN LATERAL (
        SELECT true AS erased FROM suppression u WHERE u.shop_id = (SELECT shop) AND u.kind = 'REDACTED'
        AND u.address_key IN (decode(c.email_key, 'hex'), decode(c.phone_key, 'hex'), decode(c.sms_phone_key, 'hex'))
        AND u.opted_out_at >= date_trunc('second', c.started_at) LIMIT 1
    ) address ON true
    WHERE customer.erased IS NULL AND address.erased IS NULL
    ORDER BY c.token, c.at DESC, c.sequence DESC
    ON CONFLICT (shop_id, token) DO UPDATE SET cart_token = excluded.cart_token,
        shopify_customer_id = excluded.shopify_customer_id, email = excluded.email, email_key = excluded.email_key,
        phone = excluded.phone, phone_key = excluded.phone_key, own_phone = excluded.own_phone,
        sms_phone = excluded.sms_phone, sms_phone_key = excluded.sms_phone_key, first_name = excluded.first_name,
        last_name = excluded.last_name, country = excluded.country, locale = excluded.locale,
        accepts_email = excluded.accepts_email, accepts_sms = excluded.accepts_sms, total = excluded.total,
        currency = excluded.currency, lines = excluded.lines, url = excluded.url, started_at = excluded.started_at,
        completed_at = excluded.completed_at, source_updated_at = excluded.source_updated_at,
        source_sequence = excluded.source_sequence, synced_at = now()
        WHERE (excluded.source_updated_at, excluded.source_sequence) > (held.source_updated_at, held.source_sequence);

    PERFORM commerce_mark_deleted(ARRAY(
        SELECT DISTINCT c.cart_token FROM jsonb_to_recordset(p_checkouts) AS c (cart_token text)
        WHERE c.cart_token IS NOT NULL));
END $$;
REVOKE ALL ON FUNCTION commerce_apply_checkouts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION commerce_apply_checkouts TO sayso_app;

-- Mark those checkouts of these carts that the store deleted, whichever of the two came first. A cart may begin another
-- checkout after its first one was deleted: only those that were begun by then are meant.
CREATE OR REPLACE FUNCTION commerce_mark_deleted(p_carts text[]) RETURNS void
LANGUAGE sql SET search_path = public, pg_temp SET jit = off SET enable_seqscan = off SET enable_hashjoin = off AS $$
    UPDATE checkout c SET deleted_at = gone.at
    FROM (
        SELECT held.id, min(d.deleted_at) AS at FROM checkout held
        JOIN checkout_deletion d ON d.shop_id = held.shop_id AND d.cart_token = held.cart_token
            AND d.deleted_at >= held.started_at
        WHERE held.shop_id = (SELECT current_shop()) AND held.cart_token = ANY (p_carts) GROUP BY held.id
    ) gone
    WHERE c.shop_id = (SELECT current_shop()) AND c.id = gone.id AND c.deleted_at IS DISTINCT FROM gone.at
$$;
REVOKE ALL ON FUNCTION commerce_mark_deleted FROM PUBLIC;
GRANT EXECUTE ON FUNCTION commerce_mark_deleted TO sayso_app;

-- Note that the store deleted checkouts: their carts, Shopify's ids (each may be null), and when.
CREATE OR REPLACE FUNCTION commerce_delete_checkouts(p_carts text[], p_ids bigint[], p_at timestamptz[]) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := current_shop();
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('checkouts', shop));
    INSERT INTO checkout_deletion (shop_id, cart_token, shopify_checkout_id, deleted_at)
    SELECT DISTINCT shop, given.cart, given.id, given.at FROM unnest(p_carts, p_ids, p_at) AS given (cart, id, at)
    ON CONFLICT DO NOTHING;
    PERFORM commerce_mark_deleted(p_carts);
    UPDATE abandoned_checkout a SET state = 'DELETED', waits_for = ''
    WHERE a.shop_id = shop AND a.shopify_checkout_id = ANY (p_ids) AND a.state IN ('OPEN', 'ABANDONED');
END $$;
REVOKE ALL ON FUNCTION commerce_delete_checkouts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION commerce_delete_checkouts TO sayso_app;
