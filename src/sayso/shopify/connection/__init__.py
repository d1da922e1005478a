"""The way to the store: permission, tokens, calls within its limits, and what it tells us about."""
