"""What the words of the ``sayso`` command do. Each module adds its own in ``register``."""
