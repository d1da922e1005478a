"""A fake Shopify: Admin GraphQL, bulk operations, OAuth, webhooks."""
