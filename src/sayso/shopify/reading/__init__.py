"""Reading single things, and pages of changes, from the store."""
