"""The program's settings with a data directory and a key of the test run's own. Loaded before anything of Django is."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

# Workers inherit the name, so all of a run share one server.
RUN = os.environ.setdefault("SAYSO_TEST_RUN", str(os.getpid()))
BASE = Path(tempfile.gettempdir()) / f"sayso-test-{RUN}"
BASE.mkdir(exist_ok=True)
BASE.chmod(0o711)
(BASE / "static").mkdir(exist_ok=True)  # as the web process makes it; WhiteNoise warns where it is missing

for variable in [name for name in os.environ if name.startswith("SAYSO_") and not name.startswith("SAYSO_TEST_")]:
    if variable not in {"SAYSO_SHOPIFY_SCHEMA", "SAYSO_NODE_MODULES", "SAYSO_CRASH_SEED", "SAYSO_PICTURES"}:
        del os.environ[variable]
for variable in ("DATABASE_URL", "DATABASE_OWNER_URL"):
    os.environ.pop(variable, None)
os.environ["SAYSO_DATA"] = str(BASE)
os.environ["SAYSO_SECRET_KEY"] = "a key for tests alone, nothing real is encrypted with it"

from sayso.config.settings import *  # noqa: E402, F403
