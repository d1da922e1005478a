-- What a full comparison found at the store. Unlogged: after a crash of the server it is empty, which the run sees (it
-- knows how many it wrote) and reads the file again.
CREATE UNLOGGED TABLE IF NOT EXISTS staging.reconcile_listed (run bigint NOT NULL, shopify_id bigint NOT NULL);
CREATE INDEX IF NOT EXISTS reconcile_listed_run ON staging.reconcile_listed (run, shopify_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON staging.reconcile_listed TO sayso_app;

-- Customers held of whom a full comparison found nothing at the store, by ascending id. Walks one index and probes the
-- other: neither sorts nor holds a million rows.
CREATE OR REPLACE FUNCTION reconcile_vanished_customers(p_listing bigint, p_after bigint, p_limit integer)
RETURNS SETOF bigint LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan
SET jit = off SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off AS $$
DECLARE
    shop bigint := current_shop();
BEGIN
    RETURN QUERY SELECT c.shopify_customer_id FROM contact c
    WHERE c.shop_id = shop AND c.shopify_customer_id > p_after AND c.deleted_at IS NULL AND c.redacted_at IS NULL
        AND NOT EXISTS (SELECT FROM staging.reconcile_listed l WHERE l.run = p_listing AND l.shopify_id = c.shopify_customer_id)
    ORDER BY c.shopify_customer_id LIMIT p_limit;
END $$;
REVOKE ALL ON FUNCTION reconcile_vanished_customers FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reconcile_vanished_customers TO sayso_app;

-- The same of orders. p_since: orders placed before it are not shown to the app, so nothing can be said of them.
CREATE OR REPLACE FUNCTION reconcile_vanished_orders(p_listing bigint, p_after bigint, p_limit integer, p_since timestamptz)
RETURNS SETOF bigint LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan
SET jit = off SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off AS $$
DECLARE
    shop bigint := current_shop();
BEGIN
    RETURN QUERY SELECT o.shopify_order_id FROM orders o
    WHERE o.shop_id = shop AND o.shopify_order_id > p_after AND (p_since IS NULL OR o.placed_at >= p_since)
        AND NOT EXISTS (SELECT FROM staging.reconcile_listed l WHERE l.run = p_listing AND l.shopify_id = o.shopify_order_id)
    ORDER BY o.shopify_order_id LIMIT p_limit;
END $$;
REVOKE ALL ON FUNCTION reconcile_vanished_orders FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reconcile_vanished_orders TO sayso_app;
