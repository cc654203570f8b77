"""The sockets of this app, for the ASGI application."""

from typing import Any

from django.urls import path

from sessions_app.consumers import session_socket
from sessions_app.realtime.document_consumer import document_socket

websocket_urlpatterns: list[Any] = [
    path("ws/sessions/<str:session_id>/", session_socket),  # type: ignore[arg-type]  # an ASGI application, no view
    path("ws/sessions/<str:session_id>/document/", document_socket),  # type: ignore[arg-type]  # the same
]
