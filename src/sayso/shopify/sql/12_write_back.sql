-- Whose turn it is: shops whose store is to be told of a consent, wants to be told, and lets us. The table lies under
-- row-level security, so a worker that looks across shops learns their ids from here and works one shop a transaction.
CREATE OR REPLACE FUNCTION due_write_backs() RETURNS SETOF bigint LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
    SELECT s.id FROM shop s
    WHERE s.status = 'ACTIVE' AND coalesce((s.settings ->> 'write_back_consent')::boolean, true)
        AND EXISTS (SELECT FROM shopify_write_back w WHERE w.shop_id = s.id AND w.state IN ('WAITING', 'SENDING')
            AND w.not_before <= clock_timestamp())
        AND EXISTS (SELECT FROM shopify_connection c WHERE c.shop_id = s.id AND c.status <> 'DISCONNECTED'
            AND (c.scopes = '[]' OR c.scopes ? 'write_customers'))
    ORDER BY s.id
$$;
REVOKE ALL ON FUNCTION due_write_backs FROM PUBLIC;
GRANT EXECUTE ON FUNCTION due_write_backs TO sayso_app;

-- What a contact's channel could be told to the store as, and the time of the act behind it. Null where there is nothing
-- to tell: other states cannot be written, and what was only inferred is nobody's word.
CREATE OR REPLACE FUNCTION shopify_tellable(st consent_state, p_channel text)
RETURNS TABLE (state text, occurred_at timestamptz, basis text, shop_value text, shop_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT x.state, CASE x.state
            WHEN 'UNSUBSCRIBED' THEN coalesce(CASE WHEN p_channel = 'email' THEN st.email_out_at ELSE st.phone_out_at END, x.since)
            WHEN 'PENDING' THEN coalesce(x.pending_at, x.since)
            ELSE coalesce(nullif(CASE WHEN x.basis IN ('IMPORTED', 'MANUAL') THEN x.weak_at ELSE x.opt_in_at END, 'epoch'), x.since)
        END, x.basis, x.shop_value, x.shop_at
    FROM (
        SELECT st.whatsapp_state, st.whatsapp_since, st.whatsapp_basis, st.whatsapp_opt_in_at, st.whatsapp_pending_at,
            st.whatsapp_weak_at, st.whatsapp_shop_value, st.whatsapp_shop_at WHERE p_channel = 'whatsapp'
        UNION ALL SELECT st.sms_state, st.sms_since, st.sms_basis, st.sms_opt_in_at, st.sms_pending_at,
            st.sms_weak_at, st.sms_shop_value, st.sms_shop_at WHERE p_channel = 'sms'
        UNION ALL SELECT st.email_state, st.email_since, st.email_basis, st.email_opt_in_at, st.email_pending_at,
            st.email_weak_at, st.email_shop_value, st.email_shop_at WHERE p_channel = 'email'
    ) AS x (state, since, basis, opt_in_at, pending_at, weak_at, shop_value, shop_at)
    WHERE x.state IN ('UNSUBSCRIBED', 'SUBSCRIBED', 'PENDING') AND x.basis IS DISTINCT FROM 'INFERRED'
$$;
REVOKE ALL ON FUNCTION shopify_tellable FROM PUBLIC;
GRANT EXECUTE ON FUNCTION shopify_tellable TO sayso_app;
