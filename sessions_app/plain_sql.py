"""What a statement that goes to the driver itself, past the ORM, needs: marks for values, and ids as they are kept."""

from functools import lru_cache
from uuid import UUID

from django.db.backends.base.base import BaseDatabaseWrapper


@lru_cache(maxsize=256)
def with_marks(sql: str, vendor: str) -> str:
    """The statement, which marks the places of its values by %s, as that database's driver wants them marked."""
    return sql.replace("%s", "?") if vendor == "sqlite" else sql


def identity(value: UUID, database: BaseDatabaseWrapper) -> UUID | str:
    """An id as the database keeps it."""
    return value if database.features.has_native_uuid_field else _hex(value)


@lru_cache(maxsize=4096)
def _hex(value: UUID) -> str:
    return value.hex
