"""The running sandbox: all parts put together, and the tasks that keep it moving."""

import asyncio
from pathlib import Path

from .live import Live
from .meta.endpoint import Meta
from .meta.inbound import Inbound
from .meta.people import Crowd
from .meta.sends import Sends
from .outbox import Outbox
from .shopify.acts import Acts
from .shopify.endpoint import GraphQL
from .shopify.oauth import OAuth
from .world import World


class Sandbox:
    """One process's worth of fake platforms. Make it inside a running event loop."""

    def __init__(self, folder: Path, seed: int, epoch: str, base: str) -> None:
        self.world = World(folder, seed, epoch, base)
        self.outbox = Outbox(self.world)
        self.acts = Acts(self.world, self.outbox)
        self.crowd = Crowd(self.world)
        self.sends = Sends(self.world, self.outbox, self.crowd)
        self.meta = Meta(self.world, self.crowd, self.sends)
        self.inbound = Inbound(self.world, self.outbox, self.crowd, self.sends)
        self.graphql = GraphQL(self.world, self.acts)
        self.oauth = OAuth(self.world)
        self.live = Live(self.world, self.acts, self.inbound)
        self.outbox.lost_subscription = lambda key: self.world.db.run("DELETE FROM subscription WHERE id = ?", key)
        self.tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to deliver, to report statuses, and to live where that is on."""
        loop = asyncio.get_running_loop()
        self.acts.bulks.resume()
        self.tasks = [loop.create_task(work()) for work in (self.outbox.work, self.sends.work, self.live.work)]

    async def stop(self) -> None:
        """End all tasks and close the file; what is queued goes out at the next start."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.sends.flush()
        self.world.db.close()

    @property
    def busy(self) -> bool:
        """Whether a delivery, a status or a bulk operation is still to come."""
        return self.outbox.busy or self.sends.busy or self.acts.bulks.busy
