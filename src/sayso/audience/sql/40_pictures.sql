-- A whole picture of a segment's members, taken page by page into staging.group_member, becomes the members: only the
-- difference is written, 20,000 lines a transaction. The picture is of the moment the reading began; what is told of
-- later moments stays.

-- From here on facts older than the picture are ignored; see FOR KEY SHARE in group_members_said.
CREATE OR REPLACE FUNCTION group_picture_begin(p_group bigint) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM contact_group g WHERE g.shop_id = current_shop() AND g.id = p_group FOR UPDATE;
    UPDATE contact_group g SET members_at = greatest(g.members_at, g.read_began_at)
    WHERE g.shop_id = current_shop() AND g.id = p_group;
END $$;
REVOKE ALL ON FUNCTION group_picture_begin FROM PUBLIC;
GRANT EXECUTE ON FUNCTION group_picture_begin TO sayso_app;

-- Members of the picture that are not held. Answers the customer to go on after (NULL at the end) and how many came.
CREATE OR REPLACE FUNCTION group_picture_add(p_group bigint, p_after bigint, p_limit integer)
RETURNS TABLE (following bigint, changed bigint)
LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    shop bigint := current_shop();
    g contact_group%ROWTYPE;
BEGIN
    SELECT * INTO STRICT g FROM contact_group x WHERE x.shop_id = shop AND x.id = p_group;
    RETURN QUERY
    WITH chunk AS MATERIALIZED (
        SELECT DISTINCT s.shopify_customer_id AS customer FROM staging.group_member s
        WHERE s.run = g.read_run AND s.shopify_customer_id > p_after ORDER BY 1 LIMIT p_limit
    ), news AS MATERIALIZED (
        SELECT k.customer, c.id AS contact_id, held.member AND held.contact_id IS NOT NULL AS was
        FROM chunk k
        LEFT JOIN LATERAL (
            SELECT c.id, c.deleted_at IS NOT NULL OR c.redacted_at IS NOT NULL AS dead FROM contact c
            WHERE c.shop_id = (SELECT shop) AND c.shopify_customer_id = k.customer LIMIT 1
        ) c ON true
        LEFT JOIN LATERAL (
            SELECT m.id, m.member, m.at, m.contact_id FROM group_member m
            WHERE m.shop_id = (SELECT shop) AND m.group_id = p_group AND m.shopify_customer_id = k.customer LIMIT 1
        ) held ON true
        WHERE c.dead IS NOT TRUE AND (held.id IS NULL OR (held.at <= g.read_began_at
            AND (NOT held.member OR (held.contact_id IS NULL AND c.id IS NOT NULL))))
    ), written AS (
        INSERT INTO group_member AS m (shop_id, group_id, shopify_customer_id, contact_id, member, at)
        SELECT shop, p_group, customer, contact_id, true, g.read_began_at FROM news ORDER BY customer
        ON CONFLICT (shop_id, group_id, shopify_customer_id) WHERE shopify_customer_id IS NOT NULL DO UPDATE
        SET member = true, at = excluded.at, contact_id = coalesce(excluded.contact_id, m.contact_id)
        WHERE m.at <= excluded.at
        RETURNING m.shopify_customer_id, m.contact_id
    ), told AS (
        INSERT INTO event (shop_id, kind, contact_id, occurred_at, actor_kind, origin, bulk, data)
        SELECT shop, 'segment.entered', w.contact_id, g.read_began_at, 'shop', 'shopify', g.read_silent,
            jsonb_build_object('group', p_group::text, 'name', g.name)
        FROM written w JOIN LATERAL (SELECT * FROM news n WHERE n.customer = w.shopify_customer_id LIMIT 1) n ON true
        WHERE w.contact_id IS NOT NULL AND n.was IS NOT TRUE
    )
    SELECT (SELECT max(customer) FROM chunk), (SELECT count(*) FROM written);
END $$;
REVOKE ALL ON FUNCTION group_picture_add FROM PUBLIC;
GRANT EXECUTE ON FUNCTION group_picture_add TO sayso_app;

-- Members that are not in the picture. Answers as above.
CREATE OR REPLACE FUNCTION group_picture_remove(p_group bigint, p_after bigint, p_limit integer)
RETURNS TABLE (following bigint, changed bigint)
LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    shop bigint := current_shop();
    g contact_group%ROWTYPE;
BEGIN
    SELECT * INTO STRICT g FROM contact_group x WHERE x.shop_id = shop AND x.id = p_group;
    RETURN QUERY
    WITH chunk AS MATERIALIZED (
        SELECT m.id, m.shopify_customer_id AS customer, m.at FROM group_member m
        WHERE m.shop_id = (SELECT shop) AND m.group_id = p_group AND m.shopify_customer_id > p_after
        ORDER BY m.shopify_customer_id LIMIT p_limit
    ), removed AS (
        DELETE FROM group_member m WHERE m.shop_id = (SELECT shop) AND m.at <= g.read_began_at AND m.id = ANY (ARRAY(
            SELECT k.id FROM chunk k LEFT JOIN LATERAL (
                SELECT true AS there FROM staging.group_member s
                WHERE s.run = g.read_run AND s.shopify_customer_id = k.customer LIMIT 1
            ) s ON true
            WHERE s.there IS NULL AND k.at <= g.read_began_at))
        RETURNING m.contact_id, m.member
    ), told AS (
        INSERT INTO event (shop_id, kind, contact_id, occurred_at, actor_kind, origin, bulk, data)
        SELECT shop, 'segment.left', r.contact_id, g.read_began_at, 'shop', 'shopify', g.read_silent,
            jsonb_build_object('group', p_group::text, 'name', g.name)
        FROM removed r WHERE r.member AND r.contact_id IS NOT NULL
    )
    SELECT (SELECT max(customer) FROM chunk), (SELECT count(*) FROM removed WHERE member);
END $$;
REVOKE ALL ON FUNCTION group_picture_remove FROM PUBLIC;
GRANT EXECUTE ON FUNCTION group_picture_remove TO sayso_app;
