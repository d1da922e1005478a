-- The event log keeps that something happened and when; what it said goes. That consent changed from one state to
-- another names nobody and stays readable.
CREATE OR REPLACE FUNCTION privacy_scrub_events(p_request bigint, p_contacts bigint[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := privacy_permit(p_request, p_contacts);
    scrubbed bigint;
BEGIN
    UPDATE event e SET data = '{}', actor_id = CASE WHEN e.actor_kind = 'customer' THEN '' ELSE e.actor_id END
    WHERE e.shop_id = shop AND e.contact_id = ANY (p_contacts)
        AND ((e.data <> '{}' AND e.kind NOT IN ('consent.changed', 'contact.redacted'))
            OR (e.actor_kind = 'customer' AND e.actor_id <> ''));
    GET DIAGNOSTICS scrubbed = ROW_COUNT;
    RETURN scrubbed;
END $$;
REVOKE ALL ON FUNCTION privacy_scrub_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy_scrub_events TO sayso_app;

-- Evidence beside the ledger, with its salt: without the salt the digest in the entry tells nothing of what it bound, and
-- with the digest the entry and its chain stay as they are. Deleted contacts keep theirs: it is the proof of a consent
-- that was used.
CREATE OR REPLACE FUNCTION privacy_scrub_evidence(p_request bigint, p_contacts bigint[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := privacy_permit(p_request, p_contacts);
    scrubbed bigint;
BEGIN
    IF p_request IS NULL THEN
        RAISE EXCEPTION 'evidence outlives a deleted contact' USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM consent_evidence v USING consent_ledger l
    WHERE l.shop_id = shop AND l.contact_id = ANY (p_contacts) AND v.shop_id = shop AND v.ledger_id = l.id;
    GET DIAGNOSTICS scrubbed = ROW_COUNT;
    RETURN scrubbed;
END $$;
REVOKE ALL ON FUNCTION privacy_scrub_evidence FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy_scrub_evidence TO sayso_app;
