-- The ledger is never changed, not even by its owner. Its entries go in one case: while erase_shop() removes a shop, for
-- which a privacy request must be open, and then that shop's entries alone (decision 24).
CREATE OR REPLACE FUNCTION consent_ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND coalesce(current_setting('sayso.erasing', true), '') <> '' AND current_user = 'sayso_owner' THEN
        RETURN NULL;  -- looked at row by row when they are gone, below
    END IF;
    RAISE EXCEPTION 'the consent ledger is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON consent_ledger
    FOR EACH STATEMENT EXECUTE FUNCTION consent_ledger_is_append_only();

-- A trigger on every table that the above guards: privacy/sql/30_erase_shop.sql.
CREATE OR REPLACE FUNCTION consent_ledger_goes_with_its_shop() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM erased e WHERE e.shop_id <> current_setting('sayso.erasing')::bigint
        OR NOT (EXISTS (
            SELECT FROM privacy_request r WHERE r.shop_id = e.shop_id AND r.kind = 'SHOP_REDACT' AND r.status = 'IN_PROGRESS'
        ) OR (NOT EXISTS (SELECT FROM shop s WHERE s.id = e.shop_id)
            AND EXISTS (SELECT FROM erasure_certificate g WHERE g.former_shop = e.shop_id)))
    ) THEN
        RAISE EXCEPTION 'the consent ledger is append-only' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
