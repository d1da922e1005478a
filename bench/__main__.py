"""``./sayso bench [NAME …]``: run one measurement, or ``smoke``: each in small, to see that it still works.

A measurement is a module of this package with ``main()``; its arguments for a smoke run stand in ``SMOKE`` (a list), or
it has none. Its first docstring line is shown in the list.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

SMOKE_PATIENCE = 300  # seconds a measurement


def measurements() -> dict[str, tuple[str, list[str] | None]]:
    """Name → (what it measures, arguments for a smoke run or None), read without importing."""
    found: dict[str, tuple[str, list[str] | None]] = {}
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        tree = ast.parse(path.read_text())
        if not any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            continue
        smoke = None
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "SMOKE":
                smoke = ast.literal_eval(node.value)
        found[path.stem] = ((ast.get_docstring(tree) or "").split("\n")[0], smoke)
    return found


def main(arguments: list[str]) -> int:
    known = measurements()
    if not arguments or arguments[0] in {"-h", "--help"}:
        print("./sayso bench NAME [its options]\n./sayso bench smoke\n")
        for name, (what, _) in known.items():
            print(f"  {name:12} {what}")
        return 0
    if arguments[0] == "smoke":
        return smoke(known)
    if arguments[0] not in known:
        print(f"sayso: there is no bench {arguments[0]}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    return subprocess.run([sys.executable, "-m", f"bench.{arguments[0]}", *arguments[1:]], check=False).returncode


def smoke(known: dict[str, tuple[str, list[str] | None]]) -> int:
    """Each measurement that has a small form; 1 if any fails."""
    failed, ran = [], 0
    for name, (_, options) in known.items():
        if options is None:
            continue
        ran += 1
        print(f"bench {name}", flush=True)
        try:
            status = subprocess.run(
                [sys.executable, "-m", f"bench.{name}", *options], check=False, timeout=SMOKE_PATIENCE
            ).returncode
        except subprocess.TimeoutExpired:
            status = -1
        if status:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else f"{ran} of {len(known)} benches ran, all worked")
    return 1 if failed or not ran else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
