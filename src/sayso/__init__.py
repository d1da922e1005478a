"""sayso: the contact and consent hub for Shopify stores."""
