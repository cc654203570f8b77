"""The composition root: settings, URLs, ASGI, Celery, and errors as HTTP. It owns no rules."""

import gc

from agentsite import lazy_modules

# Loading leaves next to no garbage, and looking for it was a third of a start. AgentsiteConfig.ready turns it on again.
gc.disable()
lazy_modules.install()
