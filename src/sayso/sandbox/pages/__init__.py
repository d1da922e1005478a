"""The sandbox's own page for people."""
