"""A fake Shopify and a fake WhatsApp Cloud API on loopback, in a process of their own.

For newcomers it is a shop to play with; for the test suite it is the only double of the two
platforms. It imports nothing else of sayso, so that both sides meet only on the wire.
README.md in this folder lists every address it answers.
"""
