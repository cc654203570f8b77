"""The API's schema, made once in a process for each format: it is the same for all, and takes a second to make."""

import threading
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request
from rest_framework.response import Response


class ApiSchema(SpectacularAPIView):
    """As an answer, whatever is asked beside its format."""

    written: ClassVar[dict[str, tuple[bytes | str, dict[str, str]]]] = {}
    """By media type: the document, and its headers."""
    lock: ClassVar[threading.Lock] = threading.Lock()

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        renderer = request.accepted_renderer
        with self.lock:
            if renderer.media_type not in self.written:
                made: Response = super().get(request)  # type: ignore[no-untyped-call]
                headers = {**made.headers, "Content-Type": f"{renderer.media_type}; charset=utf-8"}
                self.written[renderer.media_type] = (renderer.render(made.data, renderer.media_type, {}), headers)
        content, headers = self.written[renderer.media_type]
        return HttpResponse(content, headers=headers)

    def _get_version_parameter(self, request: Request) -> None:
        """There is one version; whatever was asked would stand in a header."""
