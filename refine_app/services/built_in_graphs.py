"""The graphs that come with the site, one JSON file each: installed when the database is migrated."""

from pathlib import Path
from typing import Any

from django.db import connections

from graphs_app.models import Graph
from graphs_app.services.graphs import install_built_in

FOLDER = Path(__file__).resolve().parent.parent / "graphs"


def install_built_in_graphs() -> list[Graph]:
    """Installs what is new and adds a version to what has changed; the same again changes nothing."""
    return [install_built_in(path) for path in sorted(FOLDER.glob("*.json"))]


def install_after_migrate(*, using: str, **kwargs: Any) -> None:
    """The receiver of post_migrate, which is sent also when migrations are undone, and the tables are gone."""
    if Graph._meta.db_table in connections[using].introspection.table_names():
        install_built_in_graphs()
