"""Proof of consent that leaves the house: for one contact, for people and for programs, and for a whole shop."""
