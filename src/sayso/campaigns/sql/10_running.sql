-- Campaigns that are being built or sent, of all shops, for the worker.
CREATE OR REPLACE FUNCTION running_campaigns() RETURNS TABLE (shop_id bigint, campaign_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.shop_id, c.id FROM campaign c JOIN shop s ON s.id = c.shop_id AND s.status = 'ACTIVE'
    WHERE c.status = 'PENDING' ORDER BY c.launched_at, c.id
$$;
REVOKE ALL ON FUNCTION running_campaigns FROM PUBLIC;
GRANT EXECUTE ON FUNCTION running_campaigns TO sayso_app;
