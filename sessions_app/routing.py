"""The sockets of this app, for the ASGI application."""

from typing import Any

from django.urls import path

from sessions_app.consumers import session_socket

websocket_urlpatterns: list[Any] = [
    path("ws/sessions/<str:session_id>/", session_socket),  # type: ignore[arg-type]  # an ASGI application, no view
]
