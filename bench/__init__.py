"""Measurements, each held against what PostgreSQL itself can do: ``./sayso bench``."""
