-- Which of the customers of a chunk hold nothing new: the whole picture is of the moment that is held, each channel's
-- value and its time are those last read, and the state speaks of the addresses the contact has (so nothing follows from
-- those either). `addressed`: there is an address that could be understood. These are the conditions under which
-- contacts_apply and consent_record write nothing. `number` counts from 1. Look-ups one by one, as in those: the table is
-- large and a chunk small. The owner's, because policies asked anew for each row take a fifth of the time.
CREATE OR REPLACE FUNCTION shopify_unchanged(
    p_shop bigint, p_ids bigint[], p_at timestamptz[], p_whatsapp text[], p_whatsapp_at timestamptz[],
    p_sms text[], p_sms_at timestamptz[], p_email text[], p_email_at timestamptz[]
) RETURNS TABLE (number bigint, contact_id bigint, addressed boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off AS $$
BEGIN
    IF p_shop IS DISTINCT FROM current_shop() THEN
        RAISE EXCEPTION 'another shop';
    END IF;
    RETURN QUERY
    SELECT s.number, c.id, c.phone_key IS NOT NULL OR c.email_key IS NOT NULL
    FROM unnest(p_ids, p_at, p_whatsapp, p_whatsapp_at, p_sms, p_sms_at, p_email, p_email_at) WITH ORDINALITY
        AS s (id, at, whatsapp, whatsapp_at, sms, sms_at, email, email_at, number)
    JOIN LATERAL (
        SELECT c.id, c.phone_key, c.email_key FROM contact c
        WHERE c.shop_id = (SELECT p_shop) AND c.shopify_customer_id = s.id
        AND c.profile_at = s.at AND c.tags_at = s.at AND c.figures_at = s.at
        LIMIT 1
    ) c ON true
    JOIN LATERAL (
        SELECT true FROM consent_state st WHERE st.shop_id = (SELECT p_shop) AND st.contact_id = c.id
        AND st.whatsapp_address_key IS NOT DISTINCT FROM c.phone_key
        AND st.sms_address_key IS NOT DISTINCT FROM c.phone_key
        AND st.email_address_key IS NOT DISTINCT FROM c.email_key
        AND (s.whatsapp IS NULL
            OR (st.whatsapp_shop_value = s.whatsapp AND st.whatsapp_shop_at IS NOT DISTINCT FROM s.whatsapp_at))
        AND (s.sms IS NULL OR (st.sms_shop_value = s.sms AND st.sms_shop_at IS NOT DISTINCT FROM s.sms_at))
        AND (s.email IS NULL OR (st.email_shop_value = s.email AND st.email_shop_at IS NOT DISTINCT FROM s.email_at))
        LIMIT 1
    ) st ON true;
END $$;
REVOKE ALL ON FUNCTION shopify_unchanged FROM PUBLIC;
GRANT EXECUTE ON FUNCTION shopify_unchanged TO sayso_app;
