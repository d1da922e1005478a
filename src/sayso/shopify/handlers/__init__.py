"""What the store delivers, brought to where it belongs: one batch of one shop at a time.

What a payload says is applied at once; what it lacks is read again (:mod:`..reading.refetch`). Deliveries come in any order and
more than once. Handlers of a batch run in the order of these imports: customers and the
catalogue before orders.
"""

from . import customers  # noqa: I001 (their order is the order of their work)
from . import merges
from . import catalogue
from . import orders
from . import checkouts
from . import segments
from . import store
from . import scopes

__all__ = ["catalogue", "checkouts", "customers", "merges", "orders", "scopes", "segments", "store"]
