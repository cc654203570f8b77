"""The sockets of this app, for the ASGI application; each with and without the last slash."""

from typing import Any

from django.urls import re_path

from graphs_app.consumers import execute_socket

websocket_urlpatterns: list[Any] = [
    re_path(r"^ws/execute/(?P<graph_id>[^/]+)/?$", execute_socket),  # type: ignore[arg-type]  # an ASGI application, no view
]
