-- The shop of the running transaction. Functions that run with the owner's rights ask it, so that they are bound to
-- one shop as their callers are.
CREATE OR REPLACE FUNCTION current_shop() RETURNS bigint LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE shop bigint := nullif(current_setting('sayso.shop_id', true), '')::bigint;
BEGIN
    IF shop IS NULL THEN
        RAISE EXCEPTION 'no shop in this transaction' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN shop;
END $$;
