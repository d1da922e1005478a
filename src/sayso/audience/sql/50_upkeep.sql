-- What keeps the other groups right. Nothing here runs for each imported contact: a pass over the contacts follows an
-- import, the rest follows the event log.

-- Tags that somebody holds now: each is a group; members are found by all its spellings, which the index on tags knows.
CREATE OR REPLACE FUNCTION group_tags_met(p_tags text[]) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := current_shop();
BEGIN
    INSERT INTO contact_group AS g (shop_id, kind, source_type, external_id, name, spellings, count_due)
    SELECT shop, 'SHOPIFY_TAG', 'tag', lower(t.tag), min(t.tag), array_agg(DISTINCT t.tag), true
    FROM unnest(p_tags) AS t (tag) WHERE t.tag <> '' GROUP BY lower(t.tag) ORDER BY lower(t.tag)
    ON CONFLICT (shop_id, source_type, external_id) DO UPDATE SET count_due = true,
        spellings = ARRAY(SELECT DISTINCT one FROM unnest(g.spellings || excluded.spellings) AS one ORDER BY 1)
    WHERE NOT g.count_due OR NOT g.spellings @> excluded.spellings;
END $$;
REVOKE ALL ON FUNCTION group_tags_met FROM PUBLIC;
GRANT EXECUTE ON FUNCTION group_tags_met TO sayso_app;

-- All tags of the shop into staging.group_tag: one pass over the contacts.
CREATE OR REPLACE FUNCTION group_tags_look(p_run bigint) RETURNS void
LANGUAGE sql SET search_path = public, pg_temp SET jit = off AS $$
    INSERT INTO staging.group_tag (run, key, spellings, number)
    SELECT p_run, lower(held.tag), array_agg(held.tag ORDER BY held.number DESC, held.tag), sum(held.number)
    FROM (
        SELECT tag::text AS tag, count(*) AS number FROM contact c CROSS JOIN LATERAL unnest(c.tags) AS tag
        WHERE c.shop_id = current_shop() AND c.deleted_at IS NULL AND c.redacted_at IS NULL AND c.tags <> '{}' AND tag <> ''
        GROUP BY tag
    ) AS held
    GROUP BY lower(held.tag)
$$;
REVOKE ALL ON FUNCTION group_tags_look FROM PUBLIC;
GRANT EXECUTE ON FUNCTION group_tags_look TO sayso_app;

-- What was seen becomes the tag groups, a limited number of them; answers the tag to go on after. Tags whose spellings
-- may meet in one contact are counted again one by one, and so are those that changed meanwhile (count_due).
CREATE OR REPLACE FUNCTION group_tags_take(p_run bigint, p_after text, p_limit integer) RETURNS text
LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off AS $$
DECLARE
    shop bigint := current_shop();
    following text;
BEGIN
    WITH chunk AS MATERIALIZED (
        SELECT * FROM staging.group_tag s WHERE s.run = p_run AND s.key > p_after ORDER BY s.key LIMIT p_limit
    ), written AS (
        INSERT INTO contact_group AS g (shop_id, kind, source_type, external_id, name, spellings, members_count, counted_at,
            count_due)
        SELECT shop, 'SHOPIFY_TAG', 'tag', k.key, k.spellings[1], k.spellings, k.number, now(), cardinality(k.spellings) > 1
        FROM chunk k ORDER BY k.key
        ON CONFLICT (shop_id, source_type, external_id) DO UPDATE SET members_count = excluded.members_count,
            counted_at = excluded.counted_at, count_due = g.count_due OR excluded.count_due,
            spellings = CASE WHEN g.count_due
                THEN ARRAY(SELECT DISTINCT one FROM unnest(g.spellings || excluded.spellings) AS one ORDER BY 1)
                ELSE excluded.spellings END
    )
    SELECT max(key) INTO following FROM chunk;
    RETURN following;
END $$;
REVOKE ALL ON FUNCTION group_tags_take FROM PUBLIC;
GRANT EXECUTE ON FUNCTION group_tags_take TO sayso_app;

-- Tags that nobody holds any more keep their group, which is empty. What changed meanwhile is counted by itself.
CREATE OR REPLACE FUNCTION group_tags_empty(p_run bigint) RETURNS void
LANGUAGE sql SET search_path = public, pg_temp SET jit = off AS $$
    UPDATE contact_group g SET members_count = 0, counted_at = now(), count_due = false
    WHERE g.shop_id = current_shop() AND g.kind = 'SHOPIFY_TAG' AND g.members_count IS DISTINCT FROM 0 AND NOT g.count_due
    AND NOT EXISTS (SELECT FROM staging.group_tag s WHERE s.run = p_run AND s.key = g.external_id)
$$;
REVOKE ALL ON FUNCTION group_tags_empty FROM PUBLIC;
GRANT EXECUTE ON FUNCTION group_tags_empty TO sayso_app;

-- Guests: whoever ordered without being a customer of the store, among these contacts, or (NULL) among a limited number of
-- those after an id. Answers the id to go on after.
CREATE OR REPLACE FUNCTION group_guests_join(p_contacts bigint[], p_after bigint, p_limit integer) RETURNS bigint
LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET enable_seqscan = off AS $$
DECLARE
    shop bigint := current_shop();
    guests bigint;
    following bigint;
BEGIN
    INSERT INTO contact_group (shop_id, kind, source_type, external_id, name)
    VALUES (shop, 'SHOPIFY_GUESTS', 'guests', 'guests', 'Shopify - Guests')
    ON CONFLICT (shop_id, source_type, external_id) DO NOTHING;
    SELECT g.id INTO STRICT guests FROM contact_group g
    WHERE g.shop_id = shop AND g.source_type = 'guests' AND g.external_id = 'guests';
    WITH chunk AS MATERIALIZED (
        SELECT c.id FROM contact c WHERE c.shop_id = shop AND c.source = 'guest_checkout' AND c.shopify_customer_id IS NULL
        AND c.deleted_at IS NULL AND c.redacted_at IS NULL
        AND (p_contacts IS NULL OR c.id = ANY (p_contacts)) AND (p_contacts IS NOT NULL OR c.id > p_after)
        ORDER BY c.id LIMIT p_limit
    ), joined AS (
        INSERT INTO group_member (shop_id, group_id, contact_id)
        SELECT shop, guests, k.id FROM chunk k
        WHERE NOT EXISTS (SELECT FROM group_member m WHERE m.shop_id = shop AND m.group_id = guests AND m.contact_id = k.id)
        ON CONFLICT DO NOTHING RETURNING 1
    ), due AS (
        UPDATE contact_group g SET count_due = true
        WHERE g.shop_id = shop AND g.id = guests AND NOT g.count_due AND EXISTS (SELECT FROM joined)
    )
    SELECT max(id) INTO following FROM chunk WHERE p_contacts IS NULL;
    RETURN following;
END $$;
REVOKE ALL ON FUNCTION group_guests_join FROM PUBLIC;
GRANT EXECUTE ON FUNCTION group_guests_join TO sayso_app;

-- Count the members of groups that changed, the first ones of those due (or, of them, those never counted); answers how many
-- were counted.
CREATE OR REPLACE FUNCTION group_count(p_limit integer, p_new boolean) RETURNS bigint
LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off AS $$
DECLARE
    shop bigint := current_shop();
    counted bigint;
BEGIN
    WITH due AS MATERIALIZED (
        SELECT g.id, g.kind, g.spellings FROM contact_group g WHERE g.shop_id = shop AND g.count_due
        AND (NOT p_new OR g.members_count IS NULL)
        ORDER BY g.id LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
    ), found AS (
        SELECT d.id, CASE WHEN d.kind = 'SHOPIFY_TAG' THEN (
            SELECT count(*) FROM contact c WHERE c.shop_id = shop AND c.tags && d.spellings
            AND c.deleted_at IS NULL AND c.redacted_at IS NULL
        ) ELSE (
            SELECT count(*) FROM group_member m WHERE m.shop_id = shop AND m.group_id = d.id AND m.member
            AND m.contact_id IS NOT NULL AND (d.kind = 'SHOPIFY_SEGMENT' OR EXISTS (
                SELECT FROM contact c WHERE c.shop_id = shop AND c.id = m.contact_id
                AND c.deleted_at IS NULL AND c.redacted_at IS NULL))  -- the deleted have left every segment: 60_leave.sql
        ) END AS number
        FROM due d
    )
    UPDATE contact_group g SET members_count = f.number, counted_at = now(), count_due = false
    FROM found f WHERE g.shop_id = shop AND g.id = f.id;
    GET DIAGNOSTICS counted = ROW_COUNT;
    RETURN counted;
END $$;
REVOKE ALL ON FUNCTION group_count FROM PUBLIC;
GRANT EXECUTE ON FUNCTION group_count TO sayso_app;

-- Shops with groups to count, or (p_read) with segments whose members are to be read, for the jobs of all shops.
CREATE OR REPLACE FUNCTION group_shops_due(p_read boolean) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.id FROM shop s WHERE s.status = 'ACTIVE' AND EXISTS (
        SELECT FROM contact_group g WHERE g.shop_id = s.id
        AND CASE WHEN p_read THEN g.read_due_at IS NOT NULL ELSE g.count_due END)
    ORDER BY s.id
$$;
REVOKE ALL ON FUNCTION group_shops_due FROM PUBLIC;
GRANT EXECUTE ON FUNCTION group_shops_due TO sayso_app;
