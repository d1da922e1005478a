"""Pages on which a person decides: hosted and in-store forms, the preference page, confirmations; and what they offer."""
