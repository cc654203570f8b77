"""Where each socket goes; other sites' pages and unknown paths are turned away here."""

import importlib
import importlib.util
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.conf import settings
from django.urls import re_path

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

CLOSE_NOT_FOUND = 4404


class SameOrigin:
    """Refuses a browser's socket from another site's page: the login cookie would go along with it.

    Programs send no Origin, and show a ticket instead of a cookie.
    """

    def __init__(self, inner: Application) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        host = headers.get(b"host", b"").decode("latin-1")
        if origin and urlsplit(origin).netloc != host and origin not in settings.CSRF_TRUSTED_ORIGINS:
            await send({"type": "websocket.close", "code": 4403})  # before accepting: the browser sees HTTP 403
            return
        await self.inner(scope, receive, send)


async def no_such_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Accepts, so that the client can read the code, and closes."""
    if (await receive())["type"] == "websocket.connect":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": CLOSE_NOT_FOUND, "reason": f"no socket at {scope['path'][:80]}"})


def _routes(module: str) -> list[Any]:
    if importlib.util.find_spec(module) is None:
        return []
    routes: list[Any] = importlib.import_module(module).websocket_urlpatterns
    return routes


unknown: Any = re_path(r"", no_such_socket)  # type: ignore[arg-type]  # Channels routes to applications, not to views
routed: Any = AuthMiddlewareStack(
    URLRouter([*_routes("sessions_app.routing"), *_routes("graphs_app.routing"), unknown])
)
sockets = SameOrigin(routed)
