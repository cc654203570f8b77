"""Where each socket goes. Who may open it, and from which page, each app asks of sessions_app."""

from typing import Any

from channels.routing import URLRouter
from django.urls import re_path

from graphs_app.routing import websocket_urlpatterns as graph_sockets
from sessions_app.consumers import no_such_socket
from sessions_app.routing import websocket_urlpatterns as session_sockets

unknown: Any = re_path(r"", no_such_socket)  # type: ignore[arg-type]  # Channels routes to applications, not to views
sockets = URLRouter([*session_sockets, *graph_sockets, unknown])
