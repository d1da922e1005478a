"""What happens to the app in a shop."""

from collections.abc import Iterable

from .. import clock
from ..outbox import Outbox
from ..records import Shop
from ..world import World
from .notify import Action


class AppActions:
    """Acts on the app that is installed in `shop`."""

    def __init__(self, world: World, outbox: Outbox) -> None:
        self.world, self.outbox = world, outbox

    def change_scopes(self, shop: Shop, *, scopes: Iterable[str]) -> Shop:
        """The merchant allows the app other things: `app/scopes_update`."""
        previous, shop.scopes = shop.scopes, list(dict.fromkeys(scopes))
        self.world.save_shop(shop)
        body = {
            "id": shop.id * 10 + 1,
            "shop_id": shop.id,
            "previous": previous,
            "current": shop.scopes,
            "updated_at": clock.local(clock.now(), shop.zone),
        }
        Action(self.world, self.outbox, shop).tell("app/scopes_update", body)
        return shop
