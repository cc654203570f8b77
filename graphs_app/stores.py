"""Which store speaks the dialect of a connection."""

from django.db.backends.base.base import BaseDatabaseWrapper

from graphs_app.store import Store
from graphs_app.store_postgres import PostgresStore
from graphs_app.store_sqlite import SqliteStore


def store_for(connection: BaseDatabaseWrapper) -> Store:
    """The store that speaks the connection's dialect."""
    return PostgresStore(connection) if connection.vendor == "postgresql" else SqliteStore(connection)
