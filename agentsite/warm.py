"""What a web process loads before it says that it is ready, so that nobody's first request pays for it.

Modules that few processes use are run at their first use (lazy_modules), and tools, agents and the judge of schemas are
made by who first needs them. A web process needs all of these with its first graph and its first request to an agent:
a tenth of a second each on a quiet machine, and half a second while others compute.
"""

from importlib import import_module

NEEDED_SOON = (
    "celery.app.amqp",
    "celery.events.dispatcher",
    "celery.result",
    "refine_app.services.snapshot_prompts",
)


def up() -> None:
    """Loads all that; asks nothing of the database or anybody else."""
    from django.urls import get_resolver  # here: which models and urls there are is known now

    from graphs_app.engine.registry import REGISTRY
    from graphs_app.engine.schema_checks import Judge
    from refine_app.agents.registry import agents

    for name in NEEDED_SOON:
        import_module(name)
    get_resolver().url_patterns  # noqa: B018 -- a property that reads them
    agents()
    list(REGISTRY)
    Judge({"type": "object"}).mismatches({})
