-- The staged facts of variants; called by products_apply after the lists of variants are in. Returns the ids of the
-- products whose variants changed.
--
-- variant.restocked is told once for each crossing from nothing to something, by whatever delivery comes first: by the
-- quantity, or by the store's own word for it where the drop before was not seen. Two deliveries tell of one crossing at
-- slightly different times, hence the minute. A price that changed, more of what was there, and a variant seen for the
-- first time are no restock (features §12.3), nor is what an import finds.
CREATE OR REPLACE FUNCTION variants_apply(p_run bigint, p_bulk boolean, p_currency text) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    shop bigint := current_shop();
    changed bigint[];
    restocked bigint[];
BEGIN
    CREATE TEMPORARY TABLE IF NOT EXISTS held_variants (
        id bigint PRIMARY KEY, quantity integer, restocked_at timestamptz
    ) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE IF NOT EXISTS restocked_variants (
        id bigint PRIMARY KEY, before integer, at timestamptz
    ) ON COMMIT DELETE ROWS;
    DELETE FROM held_variants;
    DELETE FROM restocked_variants;
    INSERT INTO held_variants
    SELECT n.id, v.inventory_quantity, v.restocked_at
    FROM (SELECT DISTINCT s.shopify_variant_id AS id FROM staging.variant s WHERE s.run = p_run) n
    CROSS JOIN LATERAL (
        SELECT * FROM variant v WHERE v.shop_id = (SELECT shop) AND v.shopify_variant_id = n.id FOR UPDATE
    ) v WHERE v.source_updated_at IS NOT NULL AND v.deleted_at IS NULL ORDER BY n.id;

    WITH newest AS (
        SELECT DISTINCT ON (s.shopify_variant_id) s.*, listed.variants_at, listed.variants_sequence
        FROM staging.variant s LEFT JOIN LATERAL (
            SELECT p.variants_at, p.variants_sequence FROM product p
            WHERE p.shop_id = (SELECT shop) AND p.shopify_product_id = s.shopify_product_id LIMIT 1
        ) listed ON (listed.variants_at, listed.variants_sequence) > (s.at, s.sequence)
        WHERE s.run = p_run AND NOT s.deleted
        ORDER BY s.shopify_variant_id, s.at DESC, s.sequence DESC
    ), written AS (
        -- One that is not held although its product's list is newer was deleted before that list was made.
        INSERT INTO variant AS v (shop_id, shopify_variant_id, shopify_product_id, title, sku, position, price,
            compare_at_price, currency, selected_options, inventory_item_id, inventory_policy, inventory_quantity,
            source_updated_at, source_sequence, seen_at, seen_sequence, deletion_at, deletion_sequence)
        SELECT shop, shopify_variant_id, shopify_product_id, title, sku, position, price, compare_at_price, p_currency,
            selected_options, inventory_item_id, inventory_policy, inventory_quantity, at, sequence, at, sequence,
            variants_at, coalesce(variants_sequence, 0)
        FROM newest ORDER BY shopify_variant_id
        ON CONFLICT (shop_id, shopify_variant_id) DO UPDATE SET
            shopify_product_id = excluded.shopify_product_id, title = excluded.title, sku = excluded.sku,
            position = coalesce(excluded.position, v.position), price = excluded.price,
            compare_at_price = excluded.compare_at_price, currency = excluded.currency,
            selected_options = coalesce(excluded.selected_options, v.selected_options),
            inventory_item_id = coalesce(excluded.inventory_item_id, v.inventory_item_id),
            inventory_policy = excluded.inventory_policy, inventory_quantity = excluded.inventory_quantity,
            source_updated_at = excluded.source_updated_at, source_sequence = excluded.source_sequence,
            seen_at = CASE WHEN (v.seen_at, v.seen_sequence) > (excluded.seen_at, excluded.seen_sequence)
                THEN v.seen_at ELSE excluded.seen_at END,
            seen_sequence = CASE WHEN (v.seen_at, v.seen_sequence) > (excluded.seen_at, excluded.seen_sequence)
                THEN v.seen_sequence ELSE excluded.seen_sequence END,
            synced_at = now()
            WHERE v.source_updated_at IS NULL
                OR (excluded.source_updated_at, excluded.source_sequence) > (v.source_updated_at, v.source_sequence)
        RETURNING v.shopify_product_id AS product_id
    )
    SELECT coalesce(array_agg(DISTINCT product_id), '{}') INTO changed FROM written;

    INSERT INTO variant AS v (shop_id, shopify_variant_id, shopify_product_id, tracked, details_at, details_sequence)
    SELECT DISTINCT ON (s.shopify_variant_id) shop, s.shopify_variant_id, s.shopify_product_id, s.tracked, s.at, s.sequence
    FROM staging.variant s WHERE s.run = p_run AND s.tracked IS NOT NULL
    ORDER BY s.shopify_variant_id, s.at DESC, s.sequence DESC
    ON CONFLICT (shop_id, shopify_variant_id) DO UPDATE SET
        tracked = excluded.tracked, details_at = excluded.details_at, details_sequence = excluded.details_sequence
        WHERE v.details_at IS NULL
            OR (excluded.details_at, excluded.details_sequence) > (v.details_at, v.details_sequence);

    INSERT INTO variant AS v (shop_id, shopify_variant_id, shopify_product_id, deletion_at, deletion_sequence)
    SELECT DISTINCT ON (s.shopify_variant_id) shop, s.shopify_variant_id, s.shopify_product_id, s.at, s.sequence
    FROM staging.variant s WHERE s.run = p_run AND s.deleted
    ORDER BY s.shopify_variant_id, s.at DESC, s.sequence DESC
    ON CONFLICT (shop_id, shopify_variant_id) DO UPDATE SET
        deletion_at = excluded.deletion_at, deletion_sequence = excluded.deletion_sequence, synced_at = now()
        WHERE v.deletion_at IS NULL
            OR (excluded.deletion_at, excluded.deletion_sequence) > (v.deletion_at, v.deletion_sequence);

    IF NOT p_bulk THEN
        INSERT INTO restocked_variants
        SELECT h.id, h.quantity, CASE WHEN h.quantity <= 0 THEN v.source_updated_at ELSE word.at END
        FROM held_variants h
        CROSS JOIN LATERAL (
            SELECT v.inventory_quantity, v.source_updated_at FROM variant v
            WHERE v.shop_id = (SELECT shop) AND v.shopify_variant_id = h.id AND v.deleted_at IS NULL LIMIT 1
        ) v
        LEFT JOIN LATERAL (
            SELECT max(s.at) AS at FROM staging.variant s
            WHERE s.run = p_run AND s.shopify_variant_id = h.id AND s.in_stock
        ) word ON true
        WHERE v.inventory_quantity > 0
            AND (h.quantity <= 0 OR word.at > coalesce(h.restocked_at, '-infinity') + interval '1 minute');
        restocked := ARRAY(SELECT r.id FROM restocked_variants r);
        UPDATE variant v SET restocked_at = greatest(v.restocked_at, (
            SELECT r.at FROM restocked_variants r WHERE r.id = v.shopify_variant_id LIMIT 1))
        WHERE v.shop_id = (SELECT shop) AND v.shopify_variant_id = ANY (restocked);
        INSERT INTO event (shop_id, kind, occurred_at, actor_kind, origin, bulk, data)
        SELECT shop, 'variant.restocked', r.at, 'shop', 'shopify', false, jsonb_build_object(
            'variant', v.shopify_variant_id::text, 'product', v.shopify_product_id::text, 'title', v.title,
            'quantity', v.inventory_quantity, 'before', r.before, 'policy', v.inventory_policy, 'tracked', v.tracked,
            'price', v.price::text, 'currency', v.currency)
        FROM restocked_variants r CROSS JOIN LATERAL (
            SELECT * FROM variant v WHERE v.shop_id = (SELECT shop) AND v.shopify_variant_id = r.id LIMIT 1
        ) v ORDER BY r.id;
    END IF;
    RETURN changed;
END $$;
REVOKE ALL ON FUNCTION variants_apply FROM PUBLIC;
GRANT EXECUTE ON FUNCTION variants_apply TO sayso_app;
