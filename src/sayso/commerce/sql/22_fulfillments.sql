-- The parcels of the orders that commerce_apply has just written, in the same transaction. Orders are locked by then, so
-- of two batches that bring the same parcel the second finds it. Of an import nobody is told of single parcels.
CREATE OR REPLACE FUNCTION commerce_apply_fulfillments(p_run bigint, p_bulk boolean) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    shop bigint := current_shop();
BEGIN
    INSERT INTO fulfillment AS f (shop_id, order_id, shopify_fulfillment_id, status, shipment_status, tracking_company,
        tracking_numbers, tracking_urls, shipped_at, told)
    SELECT shop, w.id, s.shopify_fulfillment_id, s.status, s.shipment_status,
        CASE WHEN o.redacted_at IS NULL THEN s.tracking_company END,
        CASE WHEN o.redacted_at IS NULL THEN s.tracking_numbers ELSE '{}' END,
        CASE WHEN o.redacted_at IS NULL THEN s.tracking_urls ELSE '{}' END, s.shipped_at, p_bulk
    FROM written_orders w
    JOIN LATERAL (SELECT o.redacted_at FROM orders o WHERE o.shop_id = (SELECT shop) AND o.id = w.id OFFSET 0) o ON true
    CROSS JOIN LATERAL (
        SELECT DISTINCT ON (s.shopify_fulfillment_id) s.* FROM staging.fulfillment s
        WHERE s.run = p_run AND s.seq = w.seq ORDER BY s.shopify_fulfillment_id
    ) s
    ORDER BY s.shopify_fulfillment_id
    ON CONFLICT (shop_id, shopify_fulfillment_id) DO UPDATE SET status = excluded.status,
        shipment_status = excluded.shipment_status, tracking_company = excluded.tracking_company,
        tracking_numbers = excluded.tracking_numbers, tracking_urls = excluded.tracking_urls,
        shipped_at = excluded.shipped_at
        WHERE f.order_id = excluded.order_id;
END $$;
REVOKE ALL ON FUNCTION commerce_apply_fulfillments FROM PUBLIC;
GRANT EXECUTE ON FUNCTION commerce_apply_fulfillments TO sayso_app;
