-- In what the contacts of the shop differ from the staged pictures of a run, which name a Shopify id each and are whole.
-- Nothing is written. Staged as for contacts_apply, so that a value is normalised here as it is there; times are left out
-- of account, for a picture may be older than what is held and yet say the same. An empty text is no text.
CREATE OR REPLACE FUNCTION contacts_compare(p_run bigint)
RETURNS TABLE (seq integer, contact_id bigint, gone boolean, touched timestamptz, fields text[], held text[], told text[])
LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    shop bigint := current_shop();
BEGIN
    RETURN QUERY
    SELECT s.seq, c.id, c.deleted_at IS NOT NULL OR c.redacted_at IS NOT NULL, c.updated_at, d.fields, d.held, d.told
    FROM staging.contact s
    LEFT JOIN LATERAL (
        SELECT * FROM contact c WHERE c.shop_id = (SELECT shop) AND c.shopify_customer_id = s.shopify_customer_id LIMIT 1
    ) c ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(f.name) AS fields, array_agg(f.held) AS held, array_agg(f.told) AS told
        FROM (VALUES
            ('first_name', nullif(c.first_name, ''), nullif(s.first_name, '')),
            ('last_name', nullif(c.last_name, ''), nullif(s.last_name, '')),
            ('email', lower(c.email), lower(s.email)),
            ('phone', c.phone::text, s.phone),
            ('note', nullif(c.note, ''), nullif(s.note, '')),
            ('locale', c.locale::text, s.locale),
            ('country', c.country::text, s.country),
            ('region', c.region::text, s.region),
            ('city', nullif(c.city, ''), nullif(s.city, '')),
            ('address', nullif(c.address, ''), nullif(s.address, '')),
            ('postcode', nullif(c.postcode, ''), nullif(s.postcode, '')),
            ('state', c.shopify_state::text, coalesce(s.shopify_state, c.shopify_state)),
            ('tags', array_to_string(ARRAY(SELECT unnest(c.tags)::text ORDER BY 1), ', '),
                array_to_string(ARRAY(SELECT unnest(coalesce(s.tags, c.tags::text[])) ORDER BY 1), ', ')),
            ('orders_count', c.orders_count::text, coalesce(s.orders_count, c.orders_count)::text),
            ('total_spent', c.total_spent::text, coalesce(s.total_spent, c.total_spent)::text),
            ('last_order_at', c.last_order_at::text, s.last_order_at::text)
        ) AS f (name, held, told)
        WHERE f.held IS DISTINCT FROM f.told
    ) d ON c.id IS NOT NULL
    WHERE s.run = p_run ORDER BY s.seq;
END $$;
REVOKE ALL ON FUNCTION contacts_compare FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contacts_compare TO sayso_app;
