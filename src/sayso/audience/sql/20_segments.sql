-- What Shopify says of its segments: that they exist, how they are called, that they are gone. Each fact has its own
-- time; the newest of each kind wins, so the order of arrival does not matter.
-- Answers the groups whose members must be read: new ones, and those with other rules.
CREATE OR REPLACE FUNCTION group_segments_told(
    p_ids text[], p_names text[], p_queries text[], p_at timestamptz[], p_sequences bigint[], p_seen timestamptz[])
RETURNS SETOF bigint LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan
SET jit = off SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    shop bigint := current_shop();
BEGIN
    RETURN QUERY
    WITH told AS (
        SELECT DISTINCT ON (t.external_id) t.external_id, t.name, t.query, t.at, t.sequence,
            max(t.seen) OVER (PARTITION BY t.external_id) AS seen
        FROM unnest(p_ids, p_names, p_queries, p_at, p_sequences, p_seen)
            AS t (external_id, name, query, at, sequence, seen)
        ORDER BY t.external_id, (t.name IS NULL), t.at DESC, t.sequence DESC
    )
    INSERT INTO contact_group AS g (shop_id, kind, source_type, external_id, name, query, named_at, named_sequence,
        seen_at, read_due_at)
    SELECT shop, 'SHOPIFY_SEGMENT', 'segment', t.external_id, coalesce(t.name, 'Segment ' || t.external_id), t.query,
        CASE WHEN t.name IS NOT NULL THEN t.at END, coalesce(t.sequence, 0), t.seen, clock_timestamp()
    FROM told t ORDER BY t.external_id
    ON CONFLICT (shop_id, source_type, external_id) DO UPDATE SET
        name = CASE WHEN excluded.named_at IS NOT NULL AND (g.named_at IS NULL
            OR (excluded.named_at, excluded.named_sequence) >= (g.named_at, g.named_sequence))
            THEN excluded.name ELSE g.name END,
        query = CASE WHEN excluded.named_at IS NOT NULL AND (g.named_at IS NULL
            OR (excluded.named_at, excluded.named_sequence) >= (g.named_at, g.named_sequence))
            THEN excluded.query ELSE g.query END,
        read_due_at = CASE WHEN excluded.named_at IS NOT NULL AND g.query IS DISTINCT FROM excluded.query
            AND (g.named_at IS NULL OR (excluded.named_at, excluded.named_sequence) >= (g.named_at, g.named_sequence))
            THEN clock_timestamp() ELSE g.read_due_at END,
        read_silent = g.read_silent OR (excluded.named_at IS NOT NULL AND g.query IS DISTINCT FROM excluded.query
            AND (g.named_at IS NULL OR (excluded.named_at, excluded.named_sequence) >= (g.named_at, g.named_sequence))),
        named_sequence = CASE WHEN excluded.named_at IS NOT NULL AND (g.named_at IS NULL
            OR (excluded.named_at, excluded.named_sequence) >= (g.named_at, g.named_sequence))
            THEN excluded.named_sequence ELSE g.named_sequence END,
        named_at = greatest(g.named_at, excluded.named_at),
        seen_at = greatest(g.seen_at, excluded.seen_at)
    WHERE excluded.seen_at > coalesce(g.seen_at, '-infinity') OR (excluded.named_at IS NOT NULL AND (g.named_at IS NULL
        OR (excluded.named_at, excluded.named_sequence) > (g.named_at, g.named_sequence)))
    RETURNING g.id;
END $$;
REVOKE ALL ON FUNCTION group_segments_told FROM PUBLIC;
GRANT EXECUTE ON FUNCTION group_segments_told TO sayso_app;

-- Segments that were deleted in Shopify. One we never heard of leaves its mark, so that what was told of it before, and
-- arrives later, does not bring it to life.
CREATE OR REPLACE FUNCTION group_segments_gone(p_ids text[], p_at timestamptz[]) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := current_shop();
BEGIN
    INSERT INTO contact_group AS g (shop_id, kind, source_type, external_id, name, gone_at)
    SELECT shop, 'SHOPIFY_SEGMENT', 'segment', t.external_id, 'Segment ' || t.external_id, max(t.at)
    FROM unnest(p_ids, p_at) AS t (external_id, at) GROUP BY t.external_id ORDER BY t.external_id
    ON CONFLICT (shop_id, source_type, external_id) DO UPDATE SET gone_at = excluded.gone_at
    WHERE excluded.gone_at > coalesce(g.gone_at, '-infinity');
END $$;
REVOKE ALL ON FUNCTION group_segments_gone FROM PUBLIC;
GRANT EXECUTE ON FUNCTION group_segments_gone TO sayso_app;
