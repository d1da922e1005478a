-- Who joined or left a segment, as deliveries say it: one line a fact. A fact older than the last whole picture of the
-- segment is in that picture; of the others the newest wins, at the same moment the leaving. Contacts that are deleted or
-- redacted become members of nothing; customers who are not here yet wait, known by their number.
-- FOR KEY SHARE holds off a picture that is about to begin (group_picture_begin) until these facts are in.
CREATE OR REPLACE FUNCTION group_members_said(
    p_segments text[], p_customers bigint[], p_joined boolean[], p_at timestamptz[])
RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    shop bigint := current_shop();
BEGIN
    WITH newest AS (
        SELECT DISTINCT ON (segment, customer) segment, customer, joined, at
        FROM unnest(p_segments, p_customers, p_joined, p_at) AS said (segment, customer, joined, at)
        ORDER BY segment, customer, at DESC, joined
    ), news AS MATERIALIZED (
        SELECT g.id AS group_id, g.name, n.customer, n.joined, n.at, c.id AS contact_id, coalesce(held.member, false) AS was
        FROM newest n
        JOIN LATERAL (
            SELECT g.id, g.name, g.members_at FROM contact_group g
            WHERE g.shop_id = (SELECT shop) AND g.source_type = 'segment' AND g.external_id = n.segment
            LIMIT 1 FOR KEY SHARE
        ) g ON g.members_at IS NULL OR n.at > g.members_at
        LEFT JOIN LATERAL (
            SELECT c.id, c.deleted_at IS NOT NULL OR c.redacted_at IS NOT NULL AS dead FROM contact c
            WHERE c.shop_id = (SELECT shop) AND c.shopify_customer_id = n.customer LIMIT 1
        ) c ON true
        LEFT JOIN LATERAL (
            SELECT m.member FROM group_member m
            WHERE m.shop_id = (SELECT shop) AND m.group_id = g.id AND m.shopify_customer_id = n.customer LIMIT 1
        ) held ON true
        WHERE c.dead IS NOT TRUE
    ), written AS (
        INSERT INTO group_member AS m (shop_id, group_id, shopify_customer_id, contact_id, member, at)
        SELECT shop, group_id, customer, contact_id, joined, at FROM news ORDER BY group_id, customer
        ON CONFLICT (shop_id, group_id, shopify_customer_id) WHERE shopify_customer_id IS NOT NULL DO UPDATE
        SET member = excluded.member, at = excluded.at, contact_id = coalesce(excluded.contact_id, m.contact_id)
        WHERE excluded.at > m.at OR (excluded.at = m.at AND m.member AND NOT excluded.member)
        RETURNING m.group_id, m.shopify_customer_id, m.contact_id, m.member, m.at
    ), told AS (
        INSERT INTO event (shop_id, kind, contact_id, occurred_at, actor_kind, origin, data)
        SELECT shop, CASE WHEN w.member THEN 'segment.entered' ELSE 'segment.left' END, w.contact_id, w.at, 'shop', 'shopify',
            jsonb_build_object('group', w.group_id::text, 'name', n.name)
        FROM written w JOIN LATERAL (
            SELECT * FROM news n WHERE n.group_id = w.group_id AND n.customer = w.shopify_customer_id LIMIT 1) n ON true
        WHERE w.contact_id IS NOT NULL AND w.member <> n.was
    )
    UPDATE contact_group g SET count_due = true
    WHERE g.shop_id = (SELECT shop) AND g.id = ANY (ARRAY(SELECT DISTINCT group_id FROM written ORDER BY 1)) AND NOT g.count_due;
END $$;
REVOKE ALL ON FUNCTION group_members_said FROM PUBLIC;
GRANT EXECUTE ON FUNCTION group_members_said TO sayso_app;

-- Members who waited for their customer, and the customer is here now. `p_contacts` NULL: all who wait, up to the limit
-- after that customer's number. Answers the number to go on after, NULL at the end.
CREATE OR REPLACE FUNCTION group_members_link(p_contacts bigint[], p_after bigint, p_limit integer) RETURNS bigint
LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    shop bigint := current_shop();
    following bigint;
BEGIN
    WITH waiting AS MATERIALIZED (
        SELECT m.id, m.group_id, m.shopify_customer_id, m.member, m.at, c.id AS contact_id, c.dead
        FROM (
            SELECT * FROM group_member m WHERE p_contacts IS NULL AND m.shop_id = (SELECT shop) AND m.contact_id IS NULL
                AND m.shopify_customer_id > p_after
            ORDER BY m.shopify_customer_id LIMIT p_limit
        ) m
        LEFT JOIN LATERAL (
            SELECT c.id, c.deleted_at IS NOT NULL OR c.redacted_at IS NOT NULL AS dead FROM contact c
            WHERE c.shop_id = (SELECT shop) AND c.shopify_customer_id = m.shopify_customer_id LIMIT 1
        ) c ON true
        UNION ALL
        SELECT m.id, m.group_id, m.shopify_customer_id, m.member, m.at, c.id, c.deleted_at IS NOT NULL OR c.redacted_at IS NOT NULL
        FROM unnest(p_contacts) AS asked (id)
        JOIN LATERAL (SELECT * FROM contact c WHERE c.shop_id = (SELECT shop) AND c.id = asked.id
            AND c.shopify_customer_id IS NOT NULL LIMIT 1) c ON true
        JOIN LATERAL (SELECT * FROM group_member m WHERE m.shop_id = (SELECT shop) AND m.contact_id IS NULL
            AND m.shopify_customer_id = c.shopify_customer_id OFFSET 0) m ON true
    ), dropped AS (
        DELETE FROM group_member m WHERE m.shop_id = (SELECT shop) AND m.id = ANY (ARRAY(SELECT id FROM waiting WHERE dead))
    ), linked AS (
        UPDATE group_member m SET contact_id = w.contact_id FROM waiting w
        WHERE m.shop_id = (SELECT shop) AND m.id = w.id AND m.contact_id IS NULL AND NOT w.dead
        RETURNING m.group_id, m.contact_id, m.member, m.at
    ), told AS (
        INSERT INTO event (shop_id, kind, contact_id, occurred_at, actor_kind, origin, bulk, data)
        SELECT shop, 'segment.entered', l.contact_id, l.at, 'shop', 'shopify', p_contacts IS NULL,
            jsonb_build_object('group', l.group_id::text, 'name', g.name)
        FROM linked l JOIN LATERAL (
            SELECT g.name FROM contact_group g WHERE g.shop_id = (SELECT shop) AND g.id = l.group_id LIMIT 1) g ON true
        WHERE l.member
    ), due AS (
        UPDATE contact_group g SET count_due = true WHERE g.shop_id = (SELECT shop)
        AND g.id = ANY (ARRAY(SELECT DISTINCT group_id FROM linked ORDER BY 1)) AND NOT g.count_due
    )
    SELECT max(shopify_customer_id) INTO following FROM waiting WHERE p_contacts IS NULL;
    RETURN following;
END $$;
REVOKE ALL ON FUNCTION group_members_link FROM PUBLIC;
GRANT EXECUTE ON FUNCTION group_members_link TO sayso_app;

-- Two contacts become one: groups of `from` that `to` is not in. A segment is about a customer of Shopify, so the survivor
-- stays in its own; the guests' group is only for whoever is no customer. What does not follow stays with the hidden contact,
-- as whoever is hidden is a member of nothing, and an undo finds it there. Answers the rows that followed.
CREATE OR REPLACE FUNCTION group_members_move(p_from bigint, p_to bigint) RETURNS SETOF bigint
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := current_shop();
BEGIN
    UPDATE contact_group g SET count_due = true WHERE g.shop_id = shop AND NOT g.count_due AND g.id = ANY (ARRAY(
        SELECT m.group_id FROM group_member m WHERE m.shop_id = shop AND m.contact_id = p_from ORDER BY 1));
    RETURN QUERY UPDATE group_member m SET contact_id = p_to FROM contact_group g, contact c
    WHERE m.shop_id = shop AND m.contact_id = p_from AND g.shop_id = shop AND g.id = m.group_id
    AND c.shop_id = shop AND c.id = p_to AND c.redacted_at IS NULL
    AND g.kind <> 'SHOPIFY_SEGMENT' AND (g.kind <> 'SHOPIFY_GUESTS' OR c.shopify_customer_id IS NULL)
    AND NOT EXISTS (SELECT FROM group_member o WHERE o.shop_id = shop AND o.contact_id = p_to AND o.group_id = m.group_id)
    RETURNING m.id;
END $$;
REVOKE ALL ON FUNCTION group_members_move FROM PUBLIC;
GRANT EXECUTE ON FUNCTION group_members_move TO sayso_app;
