"""Lists by cursor, newest first: what is added while somebody turns pages neither repeats nor hides a row."""

from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from rest_framework.exceptions import ErrorDetail, NotFound
from rest_framework.exceptions import ValidationError as Refused
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

from sessions_app.errors import Malformed

M = TypeVar("M", bound=Model)


class NewestFirst(CursorPagination):
    """{results, next, previous}; ?limit= up to 200. Ids are UUIDs of version 7, so -id is the order of creation."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200
    ordering: str | tuple[str, ...] = "-id"

    def paginate_queryset(  # type: ignore[override]  # DRF would also page through lists; cursors cannot
        self, queryset: QuerySet[M], request: Request, view: APIView | None = None
    ) -> list[M] | None:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (NotFound, ValidationError, ValueError, OverflowError) as error:
            raise Malformed("The cursor is none that this list gave; start again without it.") from error

    def get_page_size(self, request: Request) -> int:
        """What ?limit= says, at most max_page_size. DRF would take a limit that it cannot read for none."""
        asked = request.query_params.getlist(str(self.page_size_query_param))
        if not asked:
            return self.page_size
        if len(asked) > 1 or not asked[0].isascii() or not asked[0].isdigit() or int(asked[0][:9]) < 1:
            fault = ErrorDetail(f"It has to be one whole number from 1 to {self.max_page_size}.", "invalid")
            raise Refused({"limit": [fault]})
        return min(int(asked[0][:9]), self.max_page_size)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "format": "uri", "nullable": True}
        properties = {"results": schema, "next": link, "previous": link}
        return {"type": "object", "required": list(properties), "properties": properties}


class OldestFirst(NewestFirst):
    """The same, in the order of creation."""

    ordering = "id"
