-- Orders that the store deleted go with their lines and parcels; their number stays, so that no late delivery brings them
-- back. Answers whose figures that changes.
CREATE OR REPLACE FUNCTION commerce_delete(p_orders bigint[], p_at timestamptz[])
RETURNS TABLE (contact_id bigint, shopify_customer_id bigint)
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    shop bigint := current_shop();
    gone orders[];
BEGIN
    -- Alone: a batch of orders that began before does not see the number, and we do not see its order.
    PERFORM pg_advisory_xact_lock(hashtextextended('orders', shop));
    INSERT INTO deleted_order (shop_id, shopify_order_id, deleted_at)
    SELECT shop, id, min(at) FROM unnest(p_orders, p_at) AS given (id, at) GROUP BY id ORDER BY id
    ON CONFLICT DO NOTHING;
    gone := ARRAY(
        SELECT o FROM orders o WHERE o.shop_id = shop AND o.shopify_order_id = ANY (p_orders)
        ORDER BY o.shopify_order_id FOR UPDATE
    );
    DELETE FROM fulfillment f WHERE f.shop_id = shop AND f.order_id IN (SELECT g.id FROM unnest(gone) g);
    DELETE FROM order_line l WHERE l.shop_id = shop AND l.order_id IN (SELECT g.id FROM unnest(gone) g);
    DELETE FROM orders o WHERE o.shop_id = shop AND o.id IN (SELECT g.id FROM unnest(gone) g);
    INSERT INTO event (shop_id, kind, contact_id, occurred_at, actor_kind, origin, data)
    SELECT shop, 'order.deleted', g.contact_id, given.at, 'shop', 'shopify',
        jsonb_build_object('name', g.name, 'total', money_text(g.total), 'currency', g.currency)
    FROM unnest(gone) g JOIN unnest(p_orders, p_at) AS given (id, at) ON given.id = g.shopify_order_id;
    RETURN QUERY SELECT g.contact_id, g.shopify_customer_id FROM unnest(gone) g;
END $$;
REVOKE ALL ON FUNCTION commerce_delete FROM PUBLIC;
GRANT EXECUTE ON FUNCTION commerce_delete TO sayso_app;
