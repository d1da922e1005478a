"""A fake WhatsApp Cloud API: sends, statuses, replies."""
