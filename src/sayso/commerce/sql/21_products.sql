-- Bring the staged products and variants of a run into `product` and `variant`, and tell which products are new or
-- changed. Every kind of fact is upserted for itself and the newest wins, so that the order of deliveries does not matter.
-- Planned like contacts_apply: look-ups only, with the shop hidden from the statistics.
CREATE OR REPLACE FUNCTION products_apply(p_run bigint, p_bulk boolean)
RETURNS TABLE (shopify_product_id bigint, created boolean)
LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    shop bigint := current_shop();
    money text := (SELECT s.currency FROM shop s WHERE s.id = current_shop());
    fresh bigint[];
    touched bigint[];
    listed bigint[];
    lost bigint[];
    changed bigint[];
BEGIN
    -- What a product is. `held` facts of a product that was only heard of before make it a new one.
    WITH newest AS (
        SELECT DISTINCT ON (s.shopify_product_id) s.* FROM staging.product s WHERE s.run = p_run AND s.has_facts
        ORDER BY s.shopify_product_id, s.at DESC, s.sequence DESC
    ), known AS MATERIALIZED (
        SELECT n.shopify_product_id AS id, held.source_updated_at IS NOT NULL AS known FROM newest n LEFT JOIN LATERAL (
            SELECT p.source_updated_at FROM product p
            WHERE p.shop_id = (SELECT shop) AND p.shopify_product_id = n.shopify_product_id LIMIT 1
        ) held ON true
    ), written AS (
        INSERT INTO product AS p (shop_id, shopify_product_id, title, handle, status, vendor, product_type, tags,
            description_html, image_url, source_updated_at, source_sequence)
        SELECT shop, shopify_product_id, title, handle, status, vendor, product_type, tags, description_html, image_url,
            at, sequence
        FROM newest ORDER BY shopify_product_id
        ON CONFLICT (shop_id, shopify_product_id) DO UPDATE SET
            title = excluded.title, handle = excluded.handle, status = excluded.status, vendor = excluded.vendor,
            product_type = excluded.product_type, tags = excluded.tags, description_html = excluded.description_html,
            image_url = excluded.image_url, source_updated_at = excluded.source_updated_at,
            source_sequence = excluded.source_sequence, synced_at = now()
            WHERE p.source_updated_at IS NULL
                OR (excluded.source_updated_at, excluded.source_sequence) > (p.source_updated_at, p.source_sequence)
        RETURNING p.shopify_product_id AS id
    )
    SELECT coalesce(array_agg(w.id) FILTER (WHERE NOT k.known), '{}'), coalesce(array_agg(w.id) FILTER (WHERE k.known), '{}')
    INTO fresh, touched FROM written w JOIN LATERAL (SELECT k.known FROM known k WHERE k.id = w.id LIMIT 1) k ON true;

    INSERT INTO product AS p (shop_id, shopify_product_id, online_store_url, is_gift_card, details_at, details_sequence)
    SELECT DISTINCT ON (s.shopify_product_id) shop, s.shopify_product_id, s.online_store_url, s.is_gift_card, s.at, s.sequence
    FROM staging.product s WHERE s.run = p_run AND s.has_details
    ORDER BY s.shopify_product_id, s.at DESC, s.sequence DESC
    ON CONFLICT (shop_id, shopify_product_id) DO UPDATE SET
        online_store_url = excluded.online_store_url, is_gift_card = excluded.is_gift_card,
        details_at = excluded.details_at, details_sequence = excluded.details_sequence
        WHERE p.details_at IS NULL
            OR (excluded.details_at, excluded.details_sequence) > (p.details_at, p.details_sequence);

    INSERT INTO product AS p (shop_id, shopify_product_id, deletion_at, deletion_sequence)
    SELECT DISTINCT ON (s.shopify_product_id) shop, s.shopify_product_id, s.at, s.sequence
    FROM staging.product s WHERE s.run = p_run AND s.deleted
    ORDER BY s.shopify_product_id, s.at DESC, s.sequence DESC
    ON CONFLICT (shop_id, shopify_product_id) DO UPDATE SET
        deletion_at = excluded.deletion_at, deletion_sequence = excluded.deletion_sequence, synced_at = now()
        WHERE p.deletion_at IS NULL
            OR (excluded.deletion_at, excluded.deletion_sequence) > (p.deletion_at, p.deletion_sequence);

    -- All variants of a product, as of one moment; a deleted product has none. Those on the list live, if only as an id
    -- so far; the others of the product do not, unless something newer was told of them.
    WITH newest AS (
        SELECT DISTINCT ON (s.shopify_product_id) s.shopify_product_id, s.at, s.sequence
        FROM staging.product s WHERE s.run = p_run AND (s.variant_ids IS NOT NULL OR s.deleted)
        ORDER BY s.shopify_product_id, s.at DESC, s.sequence DESC, s.deleted DESC
    ), written AS (
        INSERT INTO product AS p (shop_id, shopify_product_id, variants_at, variants_sequence)
        SELECT shop, shopify_product_id, at, sequence FROM newest ORDER BY shopify_product_id
        ON CONFLICT (shop_id, shopify_product_id) DO UPDATE SET
            variants_at = excluded.variants_at, variants_sequence = excluded.variants_sequence
            WHERE p.variants_at IS NULL
                OR (excluded.variants_at, excluded.variants_sequence) > (p.variants_at, p.variants_sequence)
        RETURNING p.shopify_product_id AS id
    )
    SELECT coalesce(array_agg(id ORDER BY id), '{}') INTO listed FROM written;
    CREATE TEMPORARY TABLE IF NOT EXISTS listed_variants (
        id bigint, product_id bigint, at timestamptz, sequence bigint
    ) ON COMMIT DELETE ROWS;
    DELETE FROM listed_variants;
    INSERT INTO listed_variants
    SELECT DISTINCT ON (v.id) v.id, p.id, s.at, s.sequence
    FROM unnest(listed) p (id) CROSS JOIN LATERAL (
        SELECT * FROM staging.product s WHERE s.run = p_run AND s.shopify_product_id = p.id
        AND (s.variant_ids IS NOT NULL OR s.deleted) ORDER BY s.at DESC, s.sequence DESC, s.deleted DESC LIMIT 1
    ) s CROSS JOIN unnest(CASE WHEN s.deleted THEN '{}' ELSE s.variant_ids END) v (id)
    ORDER BY v.id, s.at DESC, s.sequence DESC;
    INSERT INTO variant AS v (shop_id, shopify_variant_id, shopify_product_id, seen_at, seen_sequence)
    SELECT shop, l.id, l.product_id, l.at, l.sequence FROM listed_variants l ORDER BY l.id
    ON CONFLICT (shop_id, shopify_variant_id) DO UPDATE SET
        shopify_product_id = excluded.shopify_product_id, seen_at = excluded.seen_at, seen_sequence = excluded.seen_sequence
        WHERE v.seen_at IS NULL OR (excluded.seen_at, excluded.seen_sequence) > (v.seen_at, v.seen_sequence);
    -- Looked up one by one: before the first statistics a join would be planned as a search of the whole table for each.
    SELECT coalesce(array_agg(v.id), '{}') INTO lost FROM unnest(listed) n (id) CROSS JOIN LATERAL (
        SELECT p.variants_at, p.variants_sequence FROM product p
        WHERE p.shop_id = (SELECT shop) AND p.shopify_product_id = n.id LIMIT 1
    ) p CROSS JOIN LATERAL (
        SELECT * FROM variant v WHERE v.shop_id = (SELECT shop) AND v.shopify_product_id = n.id OFFSET 0
    ) v
    WHERE (v.seen_at IS NULL OR (v.seen_at, v.seen_sequence) <> (p.variants_at, p.variants_sequence))
        AND (v.deletion_at IS NULL OR (v.deletion_at, v.deletion_sequence) < (p.variants_at, p.variants_sequence));
    UPDATE variant v SET synced_at = now(), (deletion_at, deletion_sequence) = (
        SELECT p.variants_at, p.variants_sequence FROM product p
        WHERE p.shop_id = (SELECT shop) AND p.shopify_product_id = v.shopify_product_id LIMIT 1)
    WHERE v.shop_id = (SELECT shop) AND v.id = ANY (lost);

    changed := variants_apply(p_run, p_bulk, money);
    PERFORM product_collections_apply(p_run);

    -- Order lines that came before their product: what it was at that time is what it is now.
    UPDATE order_line l SET product_tags = (
        SELECT p.tags FROM product p WHERE p.shop_id = (SELECT shop) AND p.shopify_product_id = l.product_id LIMIT 1)
    WHERE l.shop_id = (SELECT shop) AND l.product_id = ANY (fresh) AND l.product_tags IS NULL;

    RETURN QUERY SELECT DISTINCT ON (r.id) r.id, r.created FROM (
        SELECT f AS id, true AS created FROM unnest(fresh) f
        UNION ALL SELECT t, false FROM unnest(touched) t
        UNION ALL SELECT c, false FROM unnest(changed) c
    ) r ORDER BY r.id, r.created DESC;
END $$;
REVOKE ALL ON FUNCTION products_apply FROM PUBLIC;
GRANT EXECUTE ON FUNCTION products_apply TO sayso_app;
