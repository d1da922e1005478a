"""Everything that can be done to a fake shop, in one place."""

from ..outbox import Outbox
from ..world import World
from .app_actions import AppActions
from .bulk import Bulks
from .checkout_actions import CheckoutActions
from .customer_actions import CustomerActions
from .order_actions import OrderActions
from .product_actions import ProductActions
from .segment_actions import SegmentActions


class Acts:
    """The actions of one running sandbox."""

    def __init__(self, world: World, outbox: Outbox) -> None:
        self.world, self.outbox = world, outbox
        self.segments = SegmentActions(world, outbox)
        self.customers = CustomerActions(world, outbox, self.segments)
        self.orders = OrderActions(world, outbox, self.customers)
        self.products = ProductActions(world, outbox)
        self.app = AppActions(world, outbox)
        self.checkouts = CheckoutActions(world, outbox, self.orders)
        self.bulks = Bulks(world, outbox)
