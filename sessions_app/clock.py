"""The time that lifetimes are measured by: the database's, so that machines whose clocks differ agree."""

from datetime import UTC, datetime

from django.db import connection
from django.db.models.functions import Now

from sessions_app.models import Session


def database_now() -> datetime:
    """The time on the database's clock."""
    sql, params = Session.objects.all().query.get_compiler(connection=connection).compile(Now())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql}", params)
        now = cursor.fetchone()[0]
    return now if isinstance(now, datetime) else datetime.fromisoformat(now).replace(tzinfo=UTC)
