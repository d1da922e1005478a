-- What the log does not say yet of these orders, each once: that an order was placed, that it was cancelled, and each of
-- its parcels (features §8.4). Of those in p_written of which there is nothing else to say, that they changed.
-- An order that waits for its customer is told once it has a contact: nothing could follow from it before.
CREATE OR REPLACE FUNCTION commerce_tell(p_orders bigint[], p_written bigint[], p_bulk boolean) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    shop bigint := current_shop();
BEGIN
    WITH known AS MATERIALIZED (
        SELECT o.* FROM (SELECT DISTINCT unnest(p_orders) AS id ORDER BY 1) given
        JOIN LATERAL (SELECT * FROM orders o WHERE o.shop_id = (SELECT shop) AND o.id = given.id FOR NO KEY UPDATE) o
            ON o.contact_id IS NOT NULL OR o.shopify_customer_id IS NULL
    ), marked AS (
        UPDATE orders o SET placed_told = true, cancelled_told = k.cancelled_at IS NOT NULL FROM known k
        WHERE o.shop_id = (SELECT shop) AND o.id = k.id
            AND (NOT k.placed_told OR (k.cancelled_at IS NOT NULL AND NOT k.cancelled_told))
    ), shipped AS (
        UPDATE fulfillment f SET told = true FROM known k
        WHERE f.shop_id = (SELECT shop) AND f.order_id = k.id AND NOT f.told
            AND f.status NOT IN ('CANCELLED', 'ERROR', 'FAILURE')
        RETURNING k.id, f.shipped_at, jsonb_build_object(
            'order', k.id::text, 'name', k.name, 'fulfillment', f.shopify_fulfillment_id::text,
            'tracking_company', f.tracking_company, 'tracking_numbers', f.tracking_numbers,
            'tracking_urls', f.tracking_urls) AS data
    ), news AS (
        SELECT id, 'order.created' AS kind, placed_at AS at, NULL::jsonb AS data FROM known WHERE NOT placed_told
        UNION ALL
        SELECT id, 'order.cancelled', cancelled_at, NULL FROM known WHERE cancelled_at IS NOT NULL AND NOT cancelled_told
        UNION ALL
        SELECT id, 'order.fulfilled', shipped_at, data FROM shipped
    )
    INSERT INTO event (shop_id, kind, contact_id, occurred_at, actor_kind, origin, bulk, data)
    SELECT shop, n.kind, k.contact_id, n.at, 'shop', 'shopify', p_bulk OR late(n.at),
        coalesce(n.data, order_facts(k.id, k.name, k.total, k.currency))
    FROM known k JOIN news n ON n.id = k.id
    UNION ALL
    SELECT shop, 'order.updated', k.contact_id, k.source_updated_at, 'shop', 'shopify', p_bulk OR late(k.source_updated_at),
        order_facts(k.id, k.name, k.total, k.currency)
    FROM known k WHERE k.id = ANY (p_written) AND NOT EXISTS (SELECT FROM news n WHERE n.id = k.id);
END $$;
REVOKE ALL ON FUNCTION commerce_tell FROM PUBLIC;
GRANT EXECUTE ON FUNCTION commerce_tell TO sayso_app;
