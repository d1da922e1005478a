"""`python -m sayso.sandbox`: start the fake platforms."""

import argparse
import logging
from pathlib import Path

from .clock import EPOCH
from .known import DOMAIN
from .server import Options, run


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m sayso.sandbox", description="A fake Shopify and WhatsApp Cloud API on 127.0.0.1."
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--data-dir", type=Path, required=True, help="where the shop is kept; an existing one goes on")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same shop")
    parser.add_argument("--epoch", default=EPOCH, help="where the generated history ends")
    parser.add_argument(
        "--shop",
        action="append",
        help=f"domain of a shop, may be repeated (default {DOMAIN}); the first gets the people",
    )
    parser.add_argument("--customers", type=int, default=5_000)
    parser.add_argument("--orders", type=int, default=12_000)
    parser.add_argument("--live", action="store_true", help="let things happen by themselves")
    parser.add_argument("--ready-file", type=Path, help="gets the port once the sandbox serves")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    run(
        Options(
            given.port,
            given.data_dir,
            given.seed,
            given.epoch,
            given.shop or [DOMAIN],
            given.customers,
            given.orders,
            given.live,
            given.ready_file,
        )
    )


if __name__ == "__main__":
    main()
