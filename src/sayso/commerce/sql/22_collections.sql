-- Collections and who is in them. Membership is told from two sides: by a product with all its collections, and by a
-- collection with all its members. For each pair the later reading counts, whichever side it was of.

CREATE OR REPLACE FUNCTION product_collections_apply(p_run bigint) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    shop bigint := current_shop();
    told bigint[];
    lost bigint[];
BEGIN
    WITH newest AS (
        SELECT DISTINCT ON (s.shopify_product_id) s.shopify_product_id, s.read_at
        FROM staging.product s WHERE s.run = p_run AND s.collection_ids IS NOT NULL
        ORDER BY s.shopify_product_id, s.read_at DESC
    ), written AS (
        INSERT INTO product AS p (shop_id, shopify_product_id, collections_sequence)
        SELECT shop, shopify_product_id, read_at FROM newest ORDER BY shopify_product_id
        ON CONFLICT (shop_id, shopify_product_id) DO UPDATE SET collections_sequence = excluded.collections_sequence
            WHERE excluded.collections_sequence > p.collections_sequence
        RETURNING p.shopify_product_id AS id
    )
    SELECT coalesce(array_agg(id), '{}') INTO told FROM written;

    -- Looked up one by one: before the first statistics a join would be planned as a search of the whole table for each.
    SELECT coalesce(array_agg(m.id), '{}') INTO lost FROM unnest(told) n (id) CROSS JOIN LATERAL (
        SELECT s.collection_ids, s.read_at FROM staging.product s WHERE s.run = p_run AND s.shopify_product_id = n.id
        AND s.collection_ids IS NOT NULL ORDER BY s.read_at DESC LIMIT 1
    ) s CROSS JOIN LATERAL (
        SELECT m.id, m.shopify_collection_id FROM collection_member m
        WHERE m.shop_id = (SELECT shop) AND m.shopify_product_id = n.id OFFSET 0
    ) m LEFT JOIN LATERAL (
        SELECT c.members_sequence FROM collection c
        WHERE c.shop_id = (SELECT shop) AND c.shopify_collection_id = m.shopify_collection_id LIMIT 1
    ) other ON true
    WHERE m.shopify_collection_id <> ALL (s.collection_ids) AND coalesce(other.members_sequence, 0) <= s.read_at;
    DELETE FROM collection_member m WHERE m.shop_id = (SELECT shop) AND m.id = ANY (lost);
    INSERT INTO collection_member (shop_id, shopify_collection_id, shopify_product_id)
    SELECT shop, wanted.id, n.id FROM unnest(told) n (id) CROSS JOIN LATERAL (
        SELECT s.collection_ids, s.read_at FROM staging.product s WHERE s.run = p_run AND s.shopify_product_id = n.id
        AND s.collection_ids IS NOT NULL ORDER BY s.read_at DESC LIMIT 1
    ) s CROSS JOIN unnest(s.collection_ids) wanted (id)
    LEFT JOIN LATERAL (
        SELECT c.members_sequence, c.deletion_at FROM collection c
        WHERE c.shop_id = (SELECT shop) AND c.shopify_collection_id = wanted.id LIMIT 1
    ) other ON true
    WHERE coalesce(other.members_sequence, 0) <= s.read_at AND other.deletion_at IS NULL
    ORDER BY wanted.id, n.id
    ON CONFLICT DO NOTHING;

    UPDATE order_line l SET collection_ids = ARRAY(
        SELECT m.shopify_collection_id FROM collection_member m
        WHERE m.shop_id = (SELECT shop) AND m.shopify_product_id = l.product_id ORDER BY 1)
    WHERE l.shop_id = (SELECT shop) AND l.product_id = ANY (told) AND l.collection_ids IS NULL;
END $$;
REVOKE ALL ON FUNCTION product_collections_apply FROM PUBLIC;
GRANT EXECUTE ON FUNCTION product_collections_apply TO sayso_app;

CREATE OR REPLACE FUNCTION collections_apply(p_run bigint)
RETURNS TABLE (shopify_collection_id bigint, created boolean)
LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    shop bigint := current_shop();
    told bigint[];
    lost bigint[];
BEGIN
    INSERT INTO collection AS c (shop_id, shopify_collection_id, deletion_at, deletion_sequence)
    SELECT DISTINCT ON (s.shopify_collection_id) shop, s.shopify_collection_id, s.at, s.sequence
    FROM staging.collection s WHERE s.run = p_run AND s.deleted
    ORDER BY s.shopify_collection_id, s.at DESC, s.sequence DESC
    ON CONFLICT (shop_id, shopify_collection_id) DO UPDATE SET
        deletion_at = excluded.deletion_at, deletion_sequence = excluded.deletion_sequence, synced_at = now()
        WHERE c.deletion_at IS NULL
            OR (excluded.deletion_at, excluded.deletion_sequence) > (c.deletion_at, c.deletion_sequence);
    -- A deleted collection has no members, and no reading that was under way gives it any.
    lost := ARRAY(SELECT DISTINCT s.shopify_collection_id FROM staging.collection s WHERE s.run = p_run AND s.deleted);
    DELETE FROM collection_member m WHERE m.shop_id = (SELECT shop) AND m.shopify_collection_id = ANY (lost);

    WITH newest AS (
        SELECT DISTINCT ON (s.shopify_collection_id) s.shopify_collection_id, s.read_at
        FROM staging.collection s WHERE s.run = p_run AND s.member_ids IS NOT NULL
        ORDER BY s.shopify_collection_id, s.read_at DESC
    ), written AS (
        INSERT INTO collection AS c (shop_id, shopify_collection_id, members_sequence)
        SELECT shop, shopify_collection_id, read_at FROM newest ORDER BY shopify_collection_id
        ON CONFLICT (shop_id, shopify_collection_id) DO UPDATE SET members_sequence = excluded.members_sequence
            WHERE excluded.members_sequence > c.members_sequence AND c.deletion_at IS NULL
        RETURNING c.shopify_collection_id AS id
    )
    SELECT coalesce(array_agg(id), '{}') INTO told FROM written;
    -- The members as a table of their own: a list of 50,000 is not searched once for each.
    CREATE TEMPORARY TABLE IF NOT EXISTS told_members (
        collection_id bigint, product_id bigint, read_at bigint, PRIMARY KEY (collection_id, product_id)
    ) ON COMMIT DELETE ROWS;
    DELETE FROM told_members;
    INSERT INTO told_members
    SELECT n.id, member.id, s.read_at FROM unnest(told) n (id) CROSS JOIN LATERAL (
        SELECT s.member_ids, s.read_at FROM staging.collection s WHERE s.run = p_run AND s.shopify_collection_id = n.id
        AND s.member_ids IS NOT NULL ORDER BY s.read_at DESC LIMIT 1
    ) s CROSS JOIN unnest(s.member_ids) member (id)
    ON CONFLICT DO NOTHING;
    SELECT coalesce(array_agg(m.id), '{}') INTO lost FROM unnest(told) n (id) CROSS JOIN LATERAL (
        SELECT c.members_sequence AS read_at FROM collection c
        WHERE c.shop_id = (SELECT shop) AND c.shopify_collection_id = n.id LIMIT 1
    ) s CROSS JOIN LATERAL (
        SELECT m.id, m.shopify_product_id FROM collection_member m
        WHERE m.shop_id = (SELECT shop) AND m.shopify_collection_id = n.id OFFSET 0
    ) m LEFT JOIN LATERAL (
        SELECT true AS stays FROM told_members t
        WHERE t.collection_id = n.id AND t.product_id = m.shopify_product_id LIMIT 1
    ) told_again ON true LEFT JOIN LATERAL (
        SELECT p.collections_sequence FROM product p
        WHERE p.shop_id = (SELECT shop) AND p.shopify_product_id = m.shopify_product_id LIMIT 1
    ) other ON true
    WHERE told_again.stays IS NULL AND coalesce(other.collections_sequence, 0) <= s.read_at;
    DELETE FROM collection_member m WHERE m.shop_id = (SELECT shop) AND m.id = ANY (lost);
    INSERT INTO collection_member (shop_id, shopify_collection_id, shopify_product_id)
    SELECT shop, t.collection_id, t.product_id FROM told_members t LEFT JOIN LATERAL (
        SELECT p.collections_sequence FROM product p
        WHERE p.shop_id = (SELECT shop) AND p.shopify_product_id = t.product_id LIMIT 1
    ) other ON true
    WHERE coalesce(other.collections_sequence, 0) <= t.read_at
    ORDER BY t.collection_id, t.product_id
    ON CONFLICT DO NOTHING;

    RETURN QUERY WITH newest AS (
        SELECT DISTINCT ON (s.shopify_collection_id) s.* FROM staging.collection s
        WHERE s.run = p_run AND s.title IS NOT NULL
        ORDER BY s.shopify_collection_id, s.at DESC, s.sequence DESC
    ), known AS MATERIALIZED (
        SELECT n.shopify_collection_id AS id, held.source_updated_at IS NOT NULL AS known FROM newest n LEFT JOIN LATERAL (
            SELECT c.source_updated_at FROM collection c
            WHERE c.shop_id = (SELECT shop) AND c.shopify_collection_id = n.shopify_collection_id LIMIT 1
        ) held ON true
    ), written AS (
        INSERT INTO collection AS c (shop_id, shopify_collection_id, title, handle, source_updated_at, source_sequence)
        SELECT shop, shopify_collection_id, title, handle, at, sequence FROM newest ORDER BY shopify_collection_id
        ON CONFLICT (shop_id, shopify_collection_id) DO UPDATE SET
            title = excluded.title, handle = excluded.handle, source_updated_at = excluded.source_updated_at,
            source_sequence = excluded.source_sequence, synced_at = now()
            WHERE c.source_updated_at IS NULL
                OR (excluded.source_updated_at, excluded.source_sequence) > (c.source_updated_at, c.source_sequence)
        RETURNING c.shopify_collection_id AS id
    )
    SELECT w.id, NOT k.known FROM written w
    JOIN LATERAL (SELECT k.known FROM known k WHERE k.id = w.id LIMIT 1) k ON true;
END $$;
REVOKE ALL ON FUNCTION collections_apply FROM PUBLIC;
GRANT EXECUTE ON FUNCTION collections_apply TO sayso_app;
