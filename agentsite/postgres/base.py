"""Django's backend for PostgreSQL over patience's connections and pool; its name is what ENGINE says."""

from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import IsolationLevel

from agentsite.postgres import patience


class DatabaseWrapper(base.DatabaseWrapper):
    _connection_pools: dict[str, Any]
    commits = 0
    """How many transactions of this thread were committed; see sessions_app.conflicts."""

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]  # Django's, unknown to its stubs
        self.commits += 1

    @property
    def pool(self) -> patience.Pool | None:
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        if self.alias not in self._connection_pools:
            parameters = {**self.get_connection_params(), "autocommit": True}  # Django sets it later on
            pool = patience.Pool(
                kwargs=parameters,
                connection_class=patience.Connection,
                open=False,
                configure=self._configure,
                check=patience.look_at_idle,
                reconnect_timeout=0,  # who asks next is the next attempt, not one that backs off for minutes
                **options,
            )
            self._connection_pools.setdefault(self.alias, pool)
        found: patience.Pool = self._connection_pools[self.alias]
        return found

    def get_new_connection(self, conn_params: dict[str, Any]) -> patience.Connection:
        """Raises at once while the database is known to be away, but for one caller now and then."""
        self.isolation_level = IsolationLevel.READ_COMMITTED
        if not patience.outage.may_ask(settings.DATABASE_CONNECT_TIMEOUT_S + patience.LOOKS_WITHIN_S):
            raise psycopg.OperationalError(
                f"the database does not answer; it is asked again every {patience.retry_s():g} s"
            )
        connection = self._connected(conn_params)
        if patience.outage.is_on:
            try:
                connection.check()
            except psycopg.Error:
                self._give_back(connection)
                raise
        patience.note_success()
        return connection

    def _connected(self, conn_params: dict[str, Any]) -> patience.Connection:
        pool = self.pool
        if pool is not None:
            pool.open()
            return pool.getconn()
        try:
            return patience.Connection.connect(**conn_params)
        except psycopg.OperationalError as error:
            patience.note_failure(str(error).strip())
            raise

    def _give_back(self, connection: patience.Connection) -> None:
        pool = self.pool
        if pool is None:
            connection.close()
        else:
            pool.putconn(connection)

    def _configure(self, connection: patience.Connection) -> None:
        self._configure_connection(connection)

    def _configure_connection(self, connection: Any) -> bool:
        """Bounds that the server keeps: not by startup parameters, which poolers such as PgBouncer refuse."""
        super()._configure_connection(connection)  # type: ignore[misc]  # the stubs do not know it
        bounds = {
            "statement_timeout": settings.DATABASE_TIMEOUT_S if connection.is_bounded else 0,
            # A process that freezes within a transaction would keep its rows locked for everybody.
            "idle_in_transaction_session_timeout": settings.DATABASE_IDLE_TIMEOUT_S,
        }
        for name, seconds in bounds.items():
            connection.execute("SELECT set_config(%s, %s, false)", [name, str(round(1000 * seconds))])
        return True
