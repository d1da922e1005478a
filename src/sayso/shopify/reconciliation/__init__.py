"""Comparing what is held with what the store says, mending what differs, and saying what it was."""
