"""Where each socket goes. Who may open it, and from which page, each app asks of sessions_app."""

import importlib
import importlib.util
from typing import Any

from channels.routing import URLRouter
from django.urls import re_path

from sessions_app.consumers import no_such_socket
from sessions_app.routing import websocket_urlpatterns as session_sockets


def _routes(module: str) -> list[Any]:
    if importlib.util.find_spec(module) is None:
        return []
    routes: list[Any] = importlib.import_module(module).websocket_urlpatterns
    return routes


unknown: Any = re_path(r"", no_such_socket)  # type: ignore[arg-type]  # Channels routes to applications, not to views
sockets = URLRouter([*session_sockets, *_routes("graphs_app.routing"), unknown])
