"""The sockets of this app, for the ASGI application."""

from typing import Any

from django.urls import path

from graphs_app.consumers import execute_socket

websocket_urlpatterns: list[Any] = [
    path("ws/execute/<str:graph_id>/", execute_socket),  # type: ignore[arg-type]  # an ASGI application, no view
]
