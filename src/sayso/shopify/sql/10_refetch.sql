-- Whose turn it is: shops with customers to be read again. The table lies under row-level security, so a worker that
-- looks across shops learns their ids from here and works one shop a transaction.
CREATE OR REPLACE FUNCTION due_refetches() RETURNS SETOF bigint LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
    SELECT s.id FROM shop s WHERE s.status = 'ACTIVE'
        AND EXISTS (SELECT FROM shopify_refetch r WHERE r.shop_id = s.id AND r.not_before <= clock_timestamp())
    ORDER BY s.id
$$;
REVOKE ALL ON FUNCTION due_refetches FROM PUBLIC;
GRANT EXECUTE ON FUNCTION due_refetches TO sayso_app;
