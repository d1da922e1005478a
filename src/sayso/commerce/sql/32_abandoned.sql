-- Checkouts as the poll finds them (features §8.8): kept by Shopify's id, judged, and told once when they are abandoned.
-- p_found: an array of objects with the columns' names and `phone_keys`, the keyed hashes (hexadecimal) of the phones of the
-- billing and the shipping address, in that order.
CREATE OR REPLACE FUNCTION commerce_apply_abandoned(p_found jsonb) RETURNS integer
LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    shop bigint := current_shop();
    seen bigint[];
    told integer;
BEGIN
    WITH found AS MATERIALIZED (
        SELECT DISTINCT ON (f.shopify_checkout_id) f.* FROM jsonb_to_recordset(p_found) AS f (shopify_checkout_id bigint,
            shopify_customer_id bigint, name text, url text, total numeric, currency text, lines jsonb,
            started_at timestamptz, at timestamptz, completed_at timestamptz, phone_keys text[])
        WHERE NOT EXISTS (  -- of somebody who was erased nothing is kept
            SELECT FROM contact e WHERE e.shop_id = (SELECT shop) AND e.shopify_customer_id = f.shopify_customer_id
            AND e.redacted_at IS NOT NULL)
        ORDER BY f.shopify_checkout_id, f.at DESC
    ), whose AS (
        SELECT f.*, coalesce(customer.id, phone.id, email.id) AS contact_id
        FROM found f
        LEFT JOIN LATERAL (
            SELECT c.id FROM contact c WHERE c.shop_id = (SELECT shop) AND c.shopify_customer_id = f.shopify_customer_id
            AND c.deleted_at IS NULL AND c.redacted_at IS NULL LIMIT 1
        ) customer ON f.shopify_customer_id IS NOT NULL
        LEFT JOIN LATERAL (
            SELECT c.id FROM unnest(f.phone_keys) WITH ORDINALITY AS k (key, number)
            JOIN LATERAL (
                SELECT c.id FROM contact c WHERE c.shop_id = (SELECT shop) AND c.phone_key = decode(k.key, 'hex')
                AND c.deleted_at IS NULL AND c.redacted_at IS NULL ORDER BY c.id + 0 LIMIT 1
            ) c ON true
            ORDER BY k.number LIMIT 1
        ) phone ON customer.id IS NULL
        LEFT JOIN LATERAL (
            SELECT c.id FROM checkout w
            JOIN contact c ON c.shop_id = w.shop_id AND c.email_key = w.email_key
                AND c.deleted_at IS NULL AND c.redacted_at IS NULL
            WHERE w.shop_id = (SELECT shop) AND w.url = f.url ORDER BY c.id + 0 LIMIT 1
        ) email ON customer.id IS NULL AND phone.id IS NULL
    ), written AS (
        INSERT INTO abandoned_checkout AS a (shop_id, shopify_checkout_id, contact_id, shopify_customer_id, name, url, total,
            currency, lines, started_at, source_updated_at, completed_at)
        SELECT shop, shopify_checkout_id, contact_id, shopify_customer_id, coalesce(name, ''), url, total, currency, lines,
            started_at, at, completed_at
        FROM whose ORDER BY shopify_checkout_id
        ON CONFLICT (shop_id, shopify_checkout_id) DO UPDATE SET
            -- Of whom it was told, of them it stays.
            contact_id = CASE WHEN a.abandoned_at IS NULL THEN excluded.contact_id ELSE coalesce(a.contact_id, excluded.contact_id) END,
            shopify_customer_id = excluded.shopify_customer_id, name = excluded.name, url = excluded.url,
            total = excluded.total, currency = excluded.currency, lines = excluded.lines, started_at = excluded.started_at,
            source_updated_at = excluded.source_updated_at, completed_at = excluded.completed_at, synced_at = now()
            WHERE excluded.source_updated_at >= a.source_updated_at
        RETURNING a.shopify_checkout_id
    )
    SELECT array_agg(shopify_checkout_id) INTO seen FROM found;

    PERFORM commerce_judge_checkouts(seen);

    WITH abandoned AS (
        UPDATE abandoned_checkout a SET state = 'ABANDONED', abandoned_at = now(), waits_for = ''
        WHERE a.shop_id = (SELECT shop) AND a.shopify_checkout_id = ANY (seen) AND a.state = 'OPEN' AND a.waits_for = ''
            AND a.abandoned_at IS NULL
        RETURNING a.*
    )
    INSERT INTO event (shop_id, kind, contact_id, occurred_at, actor_kind, origin, data)
    SELECT shop, 'checkout.abandoned', contact_id, source_updated_at, 'customer', 'shopify',
        jsonb_build_object('checkout', id::text, 'shopify_checkout', shopify_checkout_id::text,
            'total', money_text(total), 'currency', currency)
    FROM abandoned;
    GET DIAGNOSTICS told = ROW_COUNT;
    RETURN told;
END $$;
REVOKE ALL ON FUNCTION commerce_apply_abandoned FROM PUBLIC;
GRANT EXECUTE ON FUNCTION commerce_apply_abandoned TO sayso_app;

-- What became of these checkouts, or what each still waits for. Completed, ordered and deleted ones stay so.
CREATE OR REPLACE FUNCTION commerce_judge_checkouts(p_ids bigint[]) RETURNS void
LANGUAGE sql SET search_path = public, pg_temp SET jit = off SET enable_seqscan = off SET enable_hashjoin = off AS $$
    UPDATE abandoned_checkout a SET state = v.state, waits_for = v.waits_for,
        shopify_order_id = coalesce(a.shopify_order_id, v.ordered)
    FROM (
        SELECT j.id, j.ordered,
            CASE WHEN j.completed_at IS NOT NULL THEN 'COMPLETED' WHEN j.ordered IS NOT NULL THEN 'ORDERED'
                WHEN j.deleted THEN 'DELETED' ELSE j.state END AS state,
            CASE WHEN j.state <> 'OPEN' OR j.completed_at IS NOT NULL OR j.ordered IS NOT NULL OR j.deleted THEN ''
                WHEN j.total <= 0 THEN 'TOTAL'
                WHEN jsonb_array_length(j.lines) = 0 THEN 'ITEMS'
                WHEN j.source_updated_at > now() - interval '10 minutes' THEN 'UNTOUCHED_10_MINUTES'
                WHEN j.contact_id IS NULL THEN 'CONTACT' ELSE '' END AS waits_for
        FROM (
            SELECT c.*, coalesce(by_token.shopify_order_id, by_contact.shopify_order_id) AS ordered,
                EXISTS (SELECT FROM checkout_deletion d WHERE d.shop_id = c.shop_id
                    AND d.shopify_checkout_id = c.shopify_checkout_id) AS deleted
            FROM abandoned_checkout c
            LEFT JOIN LATERAL (
                SELECT o.shopify_order_id FROM orders o WHERE o.shop_id = c.shop_id AND o.contact_id = c.contact_id
                AND o.placed_at >= c.source_updated_at ORDER BY o.placed_at LIMIT 1
            ) by_contact ON c.contact_id IS NOT NULL
            LEFT JOIN LATERAL (
                SELECT o.shopify_order_id FROM checkout w
                JOIN orders o ON o.shop_id = w.shop_id AND o.checkout_token = w.token AND o.shopify_customer_id IS NULL
                WHERE w.shop_id = c.shop_id AND w.url = c.url LIMIT 1
            ) by_token ON by_contact.shopify_order_id IS NULL
            WHERE c.shop_id = (SELECT current_shop()) AND c.shopify_checkout_id = ANY (p_ids)
                AND c.state NOT IN ('COMPLETED', 'DELETED')
        ) j
    ) v
    WHERE a.shop_id = (SELECT current_shop()) AND a.id = v.id
        AND (a.state, a.waits_for, a.shopify_order_id) IS DISTINCT FROM (v.state, v.waits_for, coalesce(a.shopify_order_id, v.ordered))
$$;
REVOKE ALL ON FUNCTION commerce_judge_checkouts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION commerce_judge_checkouts TO sayso_app;

-- The checkouts that these orders ended: of the same contact, or of the same token.
CREATE OR REPLACE FUNCTION commerce_end_checkouts(p_orders bigint[]) RETURNS void
LANGUAGE sql SET search_path = public, pg_temp SET jit = off SET enable_seqscan = off SET enable_hashjoin = off AS $$
    SELECT commerce_judge_checkouts(ARRAY(
        SELECT a.shopify_checkout_id FROM unnest(p_orders) AS given (id)
        JOIN LATERAL (SELECT o.contact_id, o.placed_at, o.checkout_token FROM orders o
            WHERE o.shop_id = (SELECT current_shop()) AND o.id = given.id OFFSET 0) o ON true
        JOIN LATERAL (
            SELECT a.shopify_checkout_id FROM abandoned_checkout a
            WHERE a.shop_id = (SELECT current_shop()) AND a.contact_id = o.contact_id AND a.state IN ('OPEN', 'ABANDONED')
                AND o.placed_at >= a.source_updated_at
        ) a ON true
    ))
$$;
REVOKE ALL ON FUNCTION commerce_end_checkouts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION commerce_end_checkouts TO sayso_app;
