"""The sockets of this app, for the ASGI application; each with and without the last slash."""

from typing import Any

from django.urls import re_path

from sessions_app.consumers import session_socket
from sessions_app.realtime.document_consumer import document_socket

websocket_urlpatterns: list[Any] = [
    re_path(r"^ws/sessions/(?P<session_id>[^/]+)/?$", session_socket),  # type: ignore[arg-type]  # an ASGI application, no view
    re_path(r"^ws/sessions/(?P<session_id>[^/]+)/document/?$", document_socket),  # type: ignore[arg-type]  # the same
]
