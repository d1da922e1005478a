-- Bring the staged orders of a run into `orders` and `order_line`. An order is a whole picture: the newest one wins. Of
-- what was there before, commerce_tell says what is new.
-- Planned like contacts_apply: look-ups only, with the shop hidden from the statistics.
CREATE OR REPLACE FUNCTION commerce_apply(p_run bigint, p_bulk boolean)
RETURNS TABLE (shopify_order_id bigint, order_id bigint, contact_id bigint, created boolean)
LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    shop bigint := current_shop();
    touched bigint[];
BEGIN
    -- Beside other batches, but not beside a deletion of orders, which neither would see: see commerce_delete.
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('orders', shop));
    -- Qualified by nothing else: the search path ends in pg_temp, and no real table has this name.
    CREATE TEMPORARY TABLE IF NOT EXISTS written_orders (
        seq integer, id bigint, shopify_order_id bigint, contact_id bigint, created boolean, told boolean
    ) ON COMMIT DELETE ROWS;
    DELETE FROM written_orders;
    WITH newest AS (
        SELECT DISTINCT ON (s.shopify_order_id) s.*, coalesce(s.contact_id, customer.id) AS owner,
            -- What was erased of an order does not come back with its next update, nor with a later order of somebody
            -- who was erased: totals and dates are taken, the person is not.
            coalesce(customer.redacted_at, held.redacted_at) AS erased_at
        FROM staging.orders s
        LEFT JOIN LATERAL (
            SELECT c.id, c.redacted_at FROM contact c WHERE c.shop_id = (SELECT shop)
            AND c.shopify_customer_id = s.shopify_customer_id LIMIT 1
        ) customer ON s.shopify_customer_id IS NOT NULL
        LEFT JOIN LATERAL (
            SELECT h.redacted_at FROM orders h WHERE h.shop_id = (SELECT shop) AND h.shopify_order_id = s.shopify_order_id
            LIMIT 1
        ) held ON true
        LEFT JOIN LATERAL (
            SELECT true AS gone FROM deleted_order d
            WHERE d.shop_id = (SELECT shop) AND d.shopify_order_id = s.shopify_order_id LIMIT 1
        ) deleted ON true
        WHERE s.run = p_run AND deleted.gone IS NULL
        ORDER BY s.shopify_order_id, s.at DESC, s.sequence DESC
    ), written AS (
        INSERT INTO orders AS o (shop_id, contact_id, shopify_order_id, shopify_customer_id, name, number, email, phone,
            status, financial_status, fulfillment_status, total, currency, test, source_name, tags, checkout_token,
            status_url, placed_at, cancelled_at, cancel_reason, source_updated_at, source_sequence, redacted_at,
            placed_told, cancelled_told)
        SELECT shop, owner, shopify_order_id, shopify_customer_id, name, number,
            CASE WHEN erased_at IS NULL THEN email END, CASE WHEN erased_at IS NULL THEN phone END, status,
            financial_status, fulfillment_status, total, currency, test, source_name,
            CASE WHEN erased_at IS NULL THEN tags ELSE '{}' END, CASE WHEN erased_at IS NULL THEN checkout_token END,
            CASE WHEN erased_at IS NULL THEN status_url END,
            placed_at, cancelled_at, cancel_reason, at, sequence, erased_at, tellable, tellable AND cancelled_at IS NOT NULL
        FROM newest CROSS JOIN LATERAL (
            -- Of an order that waits for its customer the log says nothing yet, see commerce_tell; of imports, at once.
            SELECT p_bulk OR owner IS NOT NULL OR shopify_customer_id IS NULL AS tellable) t ORDER BY shopify_order_id
        ON CONFLICT (shop_id, shopify_order_id) DO UPDATE SET
            -- Given to another customer, who is not here yet: theirs once they come, and until then nobody's.
            contact_id = CASE WHEN excluded.shopify_customer_id IS DISTINCT FROM o.shopify_customer_id
                AND excluded.shopify_customer_id IS NOT NULL THEN excluded.contact_id
                ELSE coalesce(excluded.contact_id, o.contact_id) END,
            shopify_customer_id = excluded.shopify_customer_id, name = excluded.name, number = excluded.number,
            email = excluded.email, phone = excluded.phone, status = excluded.status,
            financial_status = excluded.financial_status, fulfillment_status = excluded.fulfillment_status,
            total = excluded.total, currency = excluded.currency, test = excluded.test,
            source_name = excluded.source_name, tags = excluded.tags,
            checkout_token = coalesce(excluded.checkout_token, o.checkout_token),
            status_url = coalesce(excluded.status_url, o.status_url), placed_at = excluded.placed_at,
            cancelled_at = excluded.cancelled_at, cancel_reason = excluded.cancel_reason,
            source_updated_at = excluded.source_updated_at, source_sequence = excluded.source_sequence,
            redacted_at = excluded.redacted_at, synced_at = now()
            WHERE (excluded.source_updated_at, excluded.source_sequence) > (o.source_updated_at, o.source_sequence)
        RETURNING o.id, o.shopify_order_id, o.contact_id, o.xmax = 0 AS created, o.placed_told AS told
    )
    INSERT INTO written_orders
    SELECT n.seq, w.id, w.shopify_order_id, w.contact_id, w.created, w.told
    FROM written w JOIN LATERAL (
        SELECT s.seq FROM staging.orders s WHERE s.run = p_run AND s.shopify_order_id = w.shopify_order_id
        ORDER BY s.at DESC, s.sequence DESC LIMIT 1
    ) n ON true;

    SELECT array_agg(w.id) INTO touched FROM written_orders w WHERE NOT w.created;
    -- What the products were when they were ordered outlives the lines, which are written anew.
    CREATE TEMPORARY TABLE IF NOT EXISTS ordered_products (
        order_id bigint, product_id bigint, tags text[], collection_ids bigint[], PRIMARY KEY (order_id, product_id)
    ) ON COMMIT DELETE ROWS;
    DELETE FROM ordered_products;
    INSERT INTO ordered_products SELECT l.order_id, l.product_id, l.product_tags, l.collection_ids FROM order_line l
    WHERE l.shop_id = (SELECT shop) AND l.order_id = ANY (touched) AND l.product_id IS NOT NULL ON CONFLICT DO NOTHING;
    DELETE FROM order_line l WHERE l.shop_id = (SELECT shop) AND l.order_id = ANY (touched);
    INSERT INTO order_line (shop_id, order_id, position, product_id, variant_id, title, variant_title, vendor, sku,
        quantity, price, product_tags, collection_ids)
    SELECT shop, w.id, l.position, l.product_id, l.variant_id, l.title, l.variant_title, l.vendor, l.sku, l.quantity, l.price,
        coalesce(before.tags, now.tags), coalesce(before.collection_ids, now.collection_ids)
    FROM written_orders w CROSS JOIN LATERAL (
        SELECT * FROM staging.order_line l WHERE l.run = p_run AND l.seq = w.seq OFFSET 0) l  -- see contacts/sql/20_apply.sql
    LEFT JOIN LATERAL (
        SELECT o.tags, o.collection_ids FROM ordered_products o
        WHERE o.order_id = w.id AND o.product_id = l.product_id LIMIT 1
    ) before ON NOT w.created
    LEFT JOIN LATERAL (
        SELECT CASE WHEN p.source_updated_at IS NOT NULL THEN p.tags END AS tags,
            CASE WHEN p.collections_sequence > 0 THEN ARRAY(
                SELECT m.shopify_collection_id FROM collection_member m
                WHERE m.shop_id = (SELECT shop) AND m.shopify_product_id = l.product_id ORDER BY 1) END AS collection_ids
        FROM product p WHERE p.shop_id = (SELECT shop) AND p.shopify_product_id = l.product_id LIMIT 1
    ) now ON true;

    INSERT INTO event (shop_id, kind, contact_id, occurred_at, actor_kind, origin, bulk, data)
    SELECT shop, e.kind, o.contact_id, e.at, 'shop', 'shopify', p_bulk OR late(e.at),
        order_facts(o.id, o.name, o.total, o.currency)
    FROM written_orders w
    JOIN LATERAL (SELECT * FROM orders o WHERE o.shop_id = (SELECT shop) AND o.id = w.id OFFSET 0) o ON true
    CROSS JOIN LATERAL (VALUES ('order.created', o.placed_at), ('order.cancelled', o.cancelled_at)) AS e (kind, at)
    WHERE w.created AND w.told AND e.at IS NOT NULL;
    RETURN QUERY SELECT w.shopify_order_id, w.id, w.contact_id, w.created FROM written_orders w;
END $$;
REVOKE ALL ON FUNCTION commerce_apply FROM PUBLIC;
GRANT EXECUTE ON FUNCTION commerce_apply TO sayso_app;
