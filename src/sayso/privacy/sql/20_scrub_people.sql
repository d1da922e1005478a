-- The person's own row and names. What remains of the contact is a shell: its id, the shop platform's number of the
-- customer (by which late deliveries and later imports are known to be about somebody erased, and change nothing),
-- figures and dates.
CREATE OR REPLACE FUNCTION privacy_scrub_contacts(p_request bigint, p_contacts bigint[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := privacy_permit(p_request, p_contacts);
    scrubbed bigint;
BEGIN
    IF p_request IS NOT NULL AND EXISTS (
        SELECT FROM unnest(p_contacts) AS asked (id) WHERE NOT EXISTS (
            SELECT FROM consent_state s WHERE s.shop_id = shop AND s.contact_id = asked.id AND s.redacted)
    ) THEN
        RAISE EXCEPTION 'the ledger says REDACT first, then the contact is scrubbed' USING ERRCODE = 'check_violation';
    END IF;
    DELETE FROM identity i WHERE i.shop_id = shop AND i.contact_id = ANY (p_contacts);
    DELETE FROM address_status a WHERE a.shop_id = shop AND a.contact_id = ANY (p_contacts);
    DELETE FROM topic_choice t WHERE t.shop_id = shop AND t.contact_id = ANY (p_contacts);
    -- The keys stay in the ledger and the suppressions; the state of nobody needs none.
    UPDATE consent_state s SET whatsapp_address_key = NULL, sms_address_key = NULL, email_address_key = NULL
    WHERE s.shop_id = shop AND s.contact_id = ANY (p_contacts);
    UPDATE contact c SET
        external_customer_id = NULL, contact_key = NULL, first_name = NULL, last_name = NULL,
        email = NULL, email_key = NULL, phone = NULL, phone_raw = NULL, phone_key = NULL, calling_code = NULL,
        note = NULL, tags = '{}', tag_changes = NULL, labels = '{}', locale = NULL, language = NULL, time_zone = NULL,
        country = NULL, region = NULL, city = NULL, address = NULL, postcode = NULL, shopify_state = NULL,
        search = '', updated_at = now(),
        redacted_at = CASE WHEN p_request IS NULL THEN c.redacted_at ELSE coalesce(c.redacted_at, now()) END
    WHERE c.shop_id = shop AND c.id = ANY (p_contacts);
    GET DIAGNOSTICS scrubbed = ROW_COUNT;
    RETURN scrubbed;
END $$;
REVOKE ALL ON FUNCTION privacy_scrub_contacts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy_scrub_contacts TO sayso_app;

-- Every address the person has or had must not be messaged again, whoever turns up with it, unless that person confirms
-- a double opt-in (features §2.11). Other kinds of suppression stay as they are.
CREATE OR REPLACE FUNCTION privacy_suppress(p_request bigint, p_keys bytea[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := privacy_permit(p_request, '{}');
    suppressed bigint;
BEGIN
    IF p_request IS NULL THEN
        RAISE EXCEPTION 'a suppression after an erasure needs its request' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO suppression AS held (shop_id, address_key, kind, opted_out_at, source)
    SELECT shop, key, 'REDACTED', clock_timestamp(), 'redaction' FROM (SELECT DISTINCT unnest(p_keys) AS key) AS keys
    WHERE key IS NOT NULL ORDER BY key
    ON CONFLICT (shop_id, address_key, kind) DO UPDATE SET opted_out_at = excluded.opted_out_at;
    GET DIAGNOSTICS suppressed = ROW_COUNT;
    RETURN suppressed;
END $$;
REVOKE ALL ON FUNCTION privacy_suppress FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy_suppress TO sayso_app;
