-- Shops whose event log has something that a consumer has not read, for the workers of all shops. What is read lies below
-- the oldest transaction still running (pg_snapshot_xmin), in the order of transactions: an event never appears behind a
-- position already passed. A position from beyond the newest transaction was written on another server, before a restore.
CREATE OR REPLACE FUNCTION due_consumers(p_consumers text[]) RETURNS TABLE (consumer text, shop_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT n.name, s.id FROM shop s CROSS JOIN unnest(p_consumers) AS n (name)
    LEFT JOIN event_cursor c ON c.shop_id = s.id AND c.consumer = n.name
    WHERE s.status = 'ACTIVE' AND (c.not_before IS NULL OR c.not_before <= now()) AND EXISTS (
        SELECT FROM event e WHERE e.shop_id = s.id AND NOT e.bulk
        AND (e.xid, e.id) > (CASE WHEN c.xid < pg_snapshot_xmax(pg_current_snapshot()) THEN c.xid ELSE '0' END,
            coalesce(c.event_id, 0))
        AND e.xid < pg_snapshot_xmin(pg_current_snapshot()))
    ORDER BY random()
$$;
REVOKE ALL ON FUNCTION due_consumers FROM PUBLIC;
GRANT EXECUTE ON FUNCTION due_consumers TO sayso_app;
