"""A PostgreSQL of our own for these tests, and both databases behind one fixture."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from edge.headoffice.database import Database, open_database


def _binaries() -> Path | None:
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/local/bin")]
    return next((place for place in places if (place / "initdb").exists()), None)


def _user() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    return {"user": "postgres" if "postgres" in names else "nobody"}


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a server on a socket of its own; skipped where PostgreSQL is not installed."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (apt install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="smartbranch-pg-"))
    user = _user()
    if user:
        shutil.chown(folder, **user)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, **user}
    data = str(folder / "data")
    subprocess.run([binaries / "initdb", "-D", data, "-U", "smartbranch", "-A", "trust", "-E", "UTF8", "--no-sync"], check=True, **quiet)
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    subprocess.run([binaries / "pg_ctl", "-D", data, "-w", "-o", options, "-l", str(folder / "log"), "start"], check=True, **quiet)
    try:
        yield f"postgresql://smartbranch@/postgres?host={folder}"
    finally:
        subprocess.run([binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"], check=False, **quiet)
        shutil.rmtree(folder, ignore_errors=True)


Opened = Callable[[], Database]


@pytest.fixture(params=["sqlite", "postgresql"])
def open_again(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """`open_again()` opens the test's own database, at first empty, as often as it is called."""
    url = "sqlite:///headoffice.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
    opened: list[Database] = []

    def again() -> Database:
        opened.append(open_database(url, tmp_path))
        return opened[-1]

    yield again
    for database in opened:
        database.close()
