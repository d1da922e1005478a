-- May this contact be messaged on this channel for this purpose? One row a contact; code is null where nothing speaks
-- against it, else the first failing check (features §6.9). Used for reach, queueing and dispatch alike. Written so that
-- PostgreSQL inlines it: no rights of its own, no settings, one SELECT.
DROP FUNCTION IF EXISTS message_gate(text, text, bigint[]);
CREATE OR REPLACE FUNCTION message_gate(p_channel text, p_purpose text, p_contacts bigint[], p_topic text)
RETURNS TABLE (contact_id bigint, code text, detail text, address text, address_key bytea)
LANGUAGE sql STABLE AS $$
    SELECT c.id,
        CASE
            WHEN c.redacted_at IS NOT NULL OR slot.state = 'REDACTED' THEN 'CUSTOMER_IS_REDACTED'
            WHEN c.deleted_at IS NOT NULL THEN 'CUSTOMER_IS_DELETED'
            WHEN c.excluded AND p_purpose <> 'SERVICE' THEN 'CUSTOMER_IS_EXCLUDED'
            WHEN slot.address IS NULL AND slot.state = 'INVALID' THEN 'CUSTOMER_IS_INVALID'
            WHEN slot.address IS NULL AND p_channel <> 'email' AND c.phone_raw IS NOT NULL
                THEN 'CUSTOMER_IS_MISSING_CALLING_CODE'
            WHEN slot.address IS NULL THEN 'CUSTOMER_IS_MISSING_ADDRESS'
            WHEN slot.state = 'INVALID' THEN 'CUSTOMER_IS_INVALID'
            WHEN EXISTS (
                SELECT FROM address_status a WHERE a.shop_id = c.shop_id AND a.contact_id = c.id AND a.channel = p_channel
                AND a.address_key = slot.key AND (a.until IS NULL OR a.until > now())
            ) THEN 'CUSTOMER_IS_UNREACHABLE'
            -- An address of somebody who was erased: only a double opt-in confirmed since then opens it again (a resume
            -- gives none back), and only its confirmation may be asked for.
            WHEN p_purpose <> 'CONFIRMATION' AND EXISTS (
                SELECT FROM suppression u WHERE u.shop_id = c.shop_id AND u.address_key = slot.key AND u.kind = 'REDACTED'
                AND (slot.opt_in_basis IS DISTINCT FROM 'DOUBLE_OPT_IN' OR slot.own_opt_in_at IS NULL
                    OR slot.own_opt_in_at <= u.opted_out_at)
            ) THEN 'CUSTOMER_IS_REDACTED'
            WHEN p_purpose = 'SERVICE' THEN NULL
            WHEN EXISTS (
                SELECT FROM suppression u WHERE u.shop_id = c.shop_id AND u.address_key = slot.key AND u.kind = 'LOCAL'
                AND u.ended_at IS NULL
            ) THEN 'CUSTOMER_IS_BLACKLISTED'
            -- Somebody else with this address is excluded (the contact itself was looked at above).
            WHEN CASE p_channel
                WHEN 'email' THEN EXISTS (
                    SELECT FROM contact other WHERE other.shop_id = c.shop_id AND other.excluded AND other.email_key = slot.key)
                ELSE EXISTS (
                    SELECT FROM contact other WHERE other.shop_id = c.shop_id AND other.excluded AND other.phone_key = slot.key)
                END THEN 'CUSTOMER_IS_EXCLUDED'
            WHEN slot.consented_key IS DISTINCT FROM slot.key THEN 'CUSTOMER_IS_NOT_OPTED_IN'
            -- sayso's own answers (18_replies.sql): the one state each is for.
            WHEN p_purpose IN ('OPT_OUT_ACK', 'CONFIRMATION') THEN CASE
                WHEN slot.state IS DISTINCT FROM CASE p_purpose WHEN 'OPT_OUT_ACK' THEN 'UNSUBSCRIBED' ELSE 'PENDING' END
                THEN 'CUSTOMER_IS_NOT_OPTED_IN' END
            -- The state and an opt-out by address give the same code, so the look-up is made for those alone whom the state
            -- would let pass.
            WHEN slot.state = 'SUBSCRIBED' OR (p_purpose = 'UTILITY' AND slot.state IN ('PENDING', 'NOT_SUBSCRIBED', 'UNKNOWN')
                AND (
                    SELECT coalesce((s.settings ->> 'utility_without_marketing_opt_in')::boolean, false)
                    FROM shop s WHERE s.id = c.shop_id
                )) THEN CASE WHEN EXISTS (
                    SELECT FROM suppression u WHERE u.shop_id = c.shop_id AND u.address_key = slot.key
                    AND u.kind IN ('OPT_OUT', 'COMPLAINT')
                    AND (slot.opt_in_at IS NULL OR slot.opt_in_at <= u.opted_out_at)
                ) THEN 'CUSTOMER_IS_NOT_OPTED_IN'
                -- Consent that was inferred holds while the shop's option does.
                WHEN slot.basis = 'INFERRED' AND (
                    SELECT coalesce(s.settings ->> 'consent_option', 'EXPLICIT') <> 'INFERRED' FROM shop s WHERE s.id = c.shop_id
                ) THEN 'CUSTOMER_IS_NOT_OPTED_IN'
                -- Who chose among topics gets what they chose, and nothing without a topic.
                WHEN p_purpose = 'MARKETING' AND EXISTS (
                    SELECT FROM topic_choice t WHERE t.shop_id = c.shop_id AND t.contact_id = c.id AND t.channel = p_channel
                ) AND NOT EXISTS (
                    SELECT FROM topic_choice t WHERE t.shop_id = c.shop_id AND t.contact_id = c.id AND t.channel = p_channel
                    AND t.topic = p_topic AND t.wanted
                ) THEN 'CUSTOMER_IS_NOT_ON_TOPIC' END
            ELSE 'CUSTOMER_IS_NOT_OPTED_IN'
        END,
        slot.state, slot.address, slot.key
    FROM contact c
    LEFT JOIN consent_state st ON st.shop_id = c.shop_id AND st.contact_id = c.id
    CROSS JOIN LATERAL (
        SELECT
            CASE p_channel WHEN 'email' THEN c.email ELSE c.phone END AS address,
            CASE p_channel WHEN 'email' THEN c.email_key ELSE c.phone_key END AS key,
            coalesce(CASE p_channel WHEN 'email' THEN st.email_state WHEN 'sms' THEN st.sms_state
                ELSE st.whatsapp_state END, 'UNKNOWN') AS state,
            CASE p_channel WHEN 'email' THEN st.email_address_key WHEN 'sms' THEN st.sms_address_key
                ELSE st.whatsapp_address_key END AS consented_key,
            CASE p_channel WHEN 'email' THEN st.email_basis WHEN 'sms' THEN st.sms_basis ELSE st.whatsapp_basis END AS basis,
            CASE p_channel WHEN 'email' THEN st.email_opt_in_at WHEN 'sms' THEN st.sms_opt_in_at
                -- A resume gives back an opt-in: it counts as one at its own time.
                ELSE CASE WHEN st.whatsapp_opt_in_at IS NOT NULL
                    THEN greatest(st.whatsapp_opt_in_at, st.whatsapp_resumed_at) END END AS opt_in_at,
            CASE p_channel WHEN 'email' THEN st.email_opt_in_at WHEN 'sms' THEN st.sms_opt_in_at
                ELSE st.whatsapp_opt_in_at END AS own_opt_in_at,
            CASE p_channel WHEN 'email' THEN st.email_opt_in_basis WHEN 'sms' THEN st.sms_opt_in_basis
                ELSE st.whatsapp_opt_in_basis END AS opt_in_basis
    ) AS slot
    WHERE c.shop_id = nullif(current_setting('sayso.shop_id', true), '')::bigint AND c.id = ANY (p_contacts)
$$;
REVOKE ALL ON FUNCTION message_gate FROM PUBLIC;
GRANT EXECUTE ON FUNCTION message_gate TO sayso_app;

-- What a message is for follows from its template's category and its origin; nobody may claim otherwise.
CREATE OR REPLACE FUNCTION message_purpose(p_category text, p_origin text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_origin = 'SYSTEM' THEN NULL  -- message_reply_purpose knows
        WHEN p_category IS NOT NULL THEN p_category WHEN p_origin = 'INBOX' THEN 'SERVICE' END
$$;
GRANT EXECUTE ON FUNCTION message_purpose TO sayso_app;
