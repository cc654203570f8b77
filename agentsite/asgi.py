"""HTTP, sockets and the server's own start and stop, as one ASGI application."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")
django.setup(set_prefix=False)  # first: it loads the apps, whose models the sockets import

from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.conf import settings  # noqa: E402

from agentsite.checks import refuse_unsafe_production  # noqa: E402
from agentsite.http import HttpApplication  # noqa: E402
from agentsite.sockets import sockets  # noqa: E402
from graphs_app.engine.watchdog import Watchdog  # noqa: E402

refuse_unsafe_production()  # whichever server imports this, not `manage.py serve` alone


async def lifespan(scope, receive, send):  # type: ignore[no-untyped-def]  # ASGI's three are untyped in Channels as well
    """Answers the server's start and stop; in between somebody watches whether its event loop works."""
    watchdog = Watchdog(
        warn_after_s=settings.LOOP_BLOCKED_WARN_S,
        end_after_s=settings.LOOP_BLOCKED_MAX_S,
        starts_for_s=settings.LOOP_STARTS_FOR_S,
    )
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            watchdog.start()
        else:
            watchdog.stop()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


application = ProtocolTypeRouter({"http": HttpApplication(), "websocket": sockets, "lifespan": lifespan})
