"""Telling the store what people said about being messaged here (features §6.12)."""
