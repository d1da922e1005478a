-- What was written to and by the person: texts, parameters, addresses. Counts, times and statuses stay. The provider's
-- id goes too: a WhatsApp message id holds the number. What still waits to be sent is not sent.
CREATE OR REPLACE FUNCTION privacy_scrub_messages(p_request bigint, p_contacts bigint[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := privacy_permit(p_request, p_contacts);
    scrubbed bigint;
BEGIN
    UPDATE message m SET body = NULL, parameters = NULL, address = NULL, provider_id = NULL, provider_text = NULL,
        status = CASE WHEN m.status = 'QUEUED' THEN 'SKIPPED' ELSE m.status END,
        error_code = CASE WHEN m.status = 'QUEUED'
            THEN CASE WHEN p_request IS NULL THEN 'CUSTOMER_IS_DELETED' ELSE 'CUSTOMER_IS_REDACTED' END
            ELSE m.error_code END
    WHERE m.shop_id = shop AND m.contact_id = ANY (p_contacts)
        AND (m.status = 'QUEUED' OR m.body IS NOT NULL OR m.parameters IS NOT NULL OR m.address IS NOT NULL
            OR m.provider_id IS NOT NULL OR m.provider_text IS NOT NULL);
    GET DIAGNOSTICS scrubbed = ROW_COUNT;
    -- The word is the person's own; that somebody decided about it stays.
    UPDATE possible_opt_out p SET word = '' WHERE p.shop_id = shop AND p.contact_id = ANY (p_contacts) AND p.word <> '';
    RETURN scrubbed;
END $$;
REVOKE ALL ON FUNCTION privacy_scrub_messages FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy_scrub_messages TO sayso_app;
