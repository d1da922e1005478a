-- What may be erased, and by which request. Every function of this directory that erases asks here first; none of these
-- is granted to the application, only the functions that call them are.

-- The shop, if the contacts may be scrubbed: because an erasure that names them is being carried out, or, without a
-- request, because all of them were deleted 30 days ago.
CREATE OR REPLACE FUNCTION privacy_permit(p_request bigint, p_contacts bigint[]) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := current_shop();
BEGIN
    IF p_request IS NULL THEN
        IF EXISTS (
            SELECT FROM unnest(p_contacts) AS asked (id) WHERE NOT EXISTS (
                SELECT FROM contact c WHERE c.shop_id = shop AND c.id = asked.id AND c.deleted_at <= now() - interval '30 days')
        ) THEN
            RAISE EXCEPTION 'contacts are purged 30 days after they were deleted, not before'
                USING ERRCODE = 'insufficient_privilege';
        END IF;
    ELSIF NOT EXISTS (
        SELECT FROM privacy_request r WHERE r.shop_id = shop AND r.id = p_request AND r.kind = 'REDACT'
        AND r.status = 'IN_PROGRESS' AND p_contacts <@ r.contact_ids
    ) THEN
        RAISE EXCEPTION 'no open privacy request asks for this erasure' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN shop;
END $$;
REVOKE ALL ON FUNCTION privacy_permit FROM PUBLIC;
