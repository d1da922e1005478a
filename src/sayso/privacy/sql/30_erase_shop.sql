-- Erasing a shop: the one way in which entries of the ledger ever go. What is a table of the shop is asked of the
-- catalogue, not of a list: whatever table has a shop_id is emptied, so none can be forgotten.

-- Tables that hold rows of shops, and whether some row of the shop in another table still refers to them.
CREATE OR REPLACE FUNCTION privacy_tenant_tables() RETURNS TABLE (oid oid, name text)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT c.oid, c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'shop_id'
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND NOT a.attisdropped AND c.relname <> 'membership'  -- goes with the shop itself, at the very end
    ORDER BY c.relname
$$;
REVOKE ALL ON FUNCTION privacy_tenant_tables FROM PUBLIC;

-- Remove up to p_limit rows of a shop, those that others refer to last. p_keep: the request that is being carried out.
CREATE OR REPLACE FUNCTION privacy_remove_rows(p_shop bigint, p_keep bigint, p_limit bigint) RETURNS jsonb
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    one record;
    referring regclass;
    needed boolean;
    n bigint;
    room bigint := p_limit;
    removed jsonb := '{}';
BEGIN
    -- Read by the triggers that guard the ledger: deletions of this shop, in this transaction.
    PERFORM set_config('sayso.erasing', p_shop::text, true);
    FOR one IN SELECT * FROM privacy_tenant_tables() LOOP
        EXIT WHEN room <= 0;
        needed := false;
        FOR referring IN SELECT f.conrelid FROM pg_constraint f
            JOIN privacy_tenant_tables() t ON t.oid = f.conrelid
            WHERE f.contype = 'f' AND f.confrelid = one.oid AND f.conrelid <> one.oid
        LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE shop_id = $1)', referring) INTO needed USING p_shop;
            EXIT WHEN needed;
        END LOOP;
        CONTINUE WHEN needed;
        EXECUTE format(
            'DELETE FROM %1$I WHERE ctid = ANY (ARRAY(SELECT ctid FROM %1$I WHERE shop_id = $1 %2$s LIMIT $2))', one.name,
            CASE WHEN one.name = 'privacy_request' THEN format('AND id IS DISTINCT FROM %L::bigint', p_keep) ELSE '' END)
            USING p_shop, room;
        GET DIAGNOSTICS n = ROW_COUNT;
        IF n > 0 THEN
            removed := removed || jsonb_build_object(one.name, n);
            room := room - n;
        END IF;
    END LOOP;
    DELETE FROM procrastinate_jobs j WHERE j.args ->> 'shop_id' = p_shop::text AND j.status <> 'doing';
    GET DIAGNOSTICS n = ROW_COUNT;
    IF n > 0 THEN
        removed := removed || jsonb_build_object('procrastinate_jobs', n);
    END IF;
    PERFORM set_config('sayso.erasing', '', true);
    RETURN removed;
END $$;
REVOKE ALL ON FUNCTION privacy_remove_rows FROM PUBLIC;

-- The open request for this shop's erasure, locked; an error without one, or while the shop is installed.
CREATE OR REPLACE FUNCTION privacy_permit_shop(p_request bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := current_shop();
BEGIN
    PERFORM FROM privacy_request r WHERE r.shop_id = shop AND r.id = p_request AND r.kind = 'SHOP_REDACT'
        AND r.status = 'IN_PROGRESS' AND NOT r.held FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no open privacy request asks for the erasure of this shop' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM FROM shop s WHERE s.id = shop AND s.status <> 'ACTIVE' FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the app is installed in this shop' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN shop;
END $$;
REVOKE ALL ON FUNCTION privacy_permit_shop FROM PUBLIC;

-- One batch. What was removed is added to the request's counts in the same transaction, so that a crash loses no count.
CREATE OR REPLACE FUNCTION erase_shop_rows(p_request bigint, p_limit bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := privacy_permit_shop(p_request);
    removed jsonb := privacy_remove_rows(shop, p_request, p_limit);
BEGIN
    UPDATE privacy_request r SET leased_until = clock_timestamp() + interval '10 minutes', counts = r.counts || (
        SELECT coalesce(jsonb_object_agg(key, value::bigint + coalesce((r.counts ->> key)::bigint, 0)), '{}')
        FROM jsonb_each_text(removed))
    WHERE r.shop_id = shop AND r.id = p_request;
    RETURN (SELECT coalesce(sum(value::bigint), 0) FROM jsonb_each_text(removed));
END $$;
REVOKE ALL ON FUNCTION erase_shop_rows FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_shop_rows TO sayso_app;

-- The end: nothing of the shop is left but its row, its secret and this request; they go, and the certificate comes.
-- false: something was written meanwhile, the batches must go on.
CREATE OR REPLACE FUNCTION erase_shop(p_request bigint, p_token text, p_document text, p_key_id text, p_signature bytea)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := privacy_permit_shop(p_request);
BEGIN
    IF privacy_remove_rows(shop, p_request, 1) <> '{}' THEN
        RAISE EXCEPTION 'rows were written meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
    INSERT INTO erasure_certificate (token, former_shop, domain, erased_at, document, key_id, signature)
    SELECT p_token, shop, s.domain, clock_timestamp(), p_document, p_key_id, p_signature FROM shop s WHERE s.id = shop;
    DELETE FROM membership m WHERE m.shop_id = shop;
    DELETE FROM privacy_request r WHERE r.shop_id = shop;
    DELETE FROM shop s WHERE s.id = shop;
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION erase_shop FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_shop TO sayso_app;

-- A transaction that was open while the shop was erased may have written a last row. For a week after a certificate
-- such rows are removed; the shop's number is never given again.
CREATE OR REPLACE FUNCTION privacy_sweep_erased() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    gone bigint;
    removed jsonb;
    total bigint := 0;
BEGIN
    FOR gone IN SELECT e.former_shop FROM erasure_certificate e WHERE e.erased_at > now() - interval '7 days'
        AND NOT EXISTS (SELECT FROM shop s WHERE s.id = e.former_shop)
    LOOP
        LOOP
            removed := privacy_remove_rows(gone, NULL, 25000);
            EXIT WHEN removed = '{}';
            total := total + (SELECT sum(value::bigint) FROM jsonb_each_text(removed));
            EXIT WHEN total >= 25000;
        END LOOP;
    END LOOP;
    RETURN total;
END $$;
REVOKE ALL ON FUNCTION privacy_sweep_erased FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy_sweep_erased TO sayso_app;

-- Every append-only table lets its rows go with their shop, and with nothing else; asked of the catalogue as well.
DO $$
DECLARE
    guarded regclass;
BEGIN
    FOR guarded IN SELECT DISTINCT t.tgrelid FROM pg_trigger t
        WHERE t.tgfoid = 'consent_ledger_is_append_only'::regproc AND NOT t.tgisinternal
    LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER goes_with_its_shop AFTER DELETE ON %s REFERENCING OLD TABLE AS erased
            FOR EACH STATEMENT EXECUTE FUNCTION consent_ledger_goes_with_its_shop()', guarded);
    END LOOP;
END $$;
