-- Whose orders they were. Totals, dates, lines and statuses stay: they are the shop's books. With p_orders (ids of the
-- shop's platform) those alone, which need not be linked to a contact; without, all of the person.
CREATE OR REPLACE FUNCTION privacy_scrub_orders(
    p_request bigint, p_contacts bigint[], p_customers bigint[], p_orders bigint[]
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := privacy_permit(p_request, p_contacts);
    theirs bigint[];
    scrubbed bigint;
BEGIN
    IF p_request IS NULL THEN
        RAISE EXCEPTION 'orders outlive a deleted contact' USING ERRCODE = 'insufficient_privilege';
    END IF;
    WITH written AS (
        UPDATE orders o SET email = NULL, phone = NULL, tags = '{}', checkout_token = NULL, status_url = NULL,
            redacted_at = coalesce(o.redacted_at, now())
        WHERE o.shop_id = shop AND CASE WHEN p_orders IS NULL
            THEN o.contact_id = ANY (p_contacts) OR o.shopify_customer_id = ANY (p_customers)
            ELSE o.shopify_order_id = ANY (p_orders) END
        RETURNING o.id
    )
    SELECT array_agg(id), count(*) INTO theirs, scrubbed FROM written;
    -- A tracking page shows where the parcel went.
    UPDATE fulfillment f SET tracking_company = NULL, tracking_numbers = '{}', tracking_urls = '{}'
    WHERE f.shop_id = shop AND f.order_id = ANY (theirs);
    RETURN scrubbed;
END $$;
REVOKE ALL ON FUNCTION privacy_scrub_orders FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy_scrub_orders TO sayso_app;

-- Orders of deleted contacts stay, linked to nobody (features §2.13).
CREATE OR REPLACE FUNCTION privacy_unlink_orders(p_contacts bigint[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := privacy_permit(NULL, p_contacts);
    unlinked bigint;
BEGIN
    UPDATE orders o SET contact_id = NULL WHERE o.shop_id = shop AND o.contact_id = ANY (p_contacts);
    GET DIAGNOSTICS unlinked = ROW_COUNT;
    RETURN unlinked;
END $$;
REVOKE ALL ON FUNCTION privacy_unlink_orders FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy_unlink_orders TO sayso_app;
