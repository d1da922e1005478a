"""The ledger as evidence: signing keys, checkpoints over its entries, and the check of both."""
