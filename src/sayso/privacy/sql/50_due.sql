-- Requests of all shops that are to be carried out now, or that a worker left behind. The table lies under row-level
-- security, so a worker that looks across shops learns the ids here and works one shop a transaction.
CREATE OR REPLACE FUNCTION due_privacy_requests() RETURNS TABLE (shop_id bigint, request_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.shop_id, r.id FROM privacy_request r
    WHERE r.status IN ('RECEIVED', 'IN_PROGRESS') AND NOT r.held AND r.not_before <= clock_timestamp()
    AND (r.leased_until IS NULL OR r.leased_until <= clock_timestamp())
    ORDER BY r.due_at, r.id LIMIT 100
$$;
REVOKE ALL ON FUNCTION due_privacy_requests FROM PUBLIC;
GRANT EXECUTE ON FUNCTION due_privacy_requests TO sayso_app;
