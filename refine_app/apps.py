"""The top app: it registers its tools, effects and built-in graphs with the apps below.

What does the work is loaded when it is first asked for: a worker whose graphs ask no model need not load what does.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from graphs_app.engine.registry import REGISTRY, Tool
from refine_app.tools.names import NAMES

if TYPE_CHECKING:
    from refine_app.model_clients.desk import Desk


class RefineConfig(AppConfig):
    name = "refine_app"
    verbose_name = "Refinement"

    def ready(self) -> None:
        # Models can be imported only now.
        from graphs_app import awaited, effects, snapshots
        from refine_app.model_clients import desk
        from refine_app.model_clients.endpoints import AWAITED

        REGISTRY.promise(NAMES, _tools)
        effects.register_from(_effects)
        snapshots.register_part("prompts", _prompts_of)
        desk.use_by_default(_desk)
        awaited.register(AWAITED, _room_of)
        post_migrate.connect(_install, sender=self, dispatch_uid="what-comes-with-the-product")


def _tools() -> Iterable[Tool]:
    from refine_app.tools import catalogue

    return catalogue.TOOLS


def _effects() -> Mapping[str, Any]:
    from refine_app.services import handing_over, ledger, messages, proposals, stuck

    return {
        proposals.EFFECT: proposals.create_proposal,
        ledger.EFFECT: ledger.record_model_call,
        messages.EFFECT: messages.agent_says,
        handing_over.EFFECT: handing_over.hand_over,
        stuck.EFFECT: stuck.roll_back,
    }


def _desk() -> "Desk":
    from refine_app.services.desk import DatabaseDesk

    return DatabaseDesk()


def _room_of(slugs: Collection[str]) -> Mapping[str, int]:
    from refine_app.services import rooms

    return rooms.room_of(slugs)


def _install(sender: AppConfig, **kwargs: Any) -> None:
    """What comes with the product, after its tables were made."""
    from refine_app.services import built_in_graphs, prompts, ready_made

    for module in (ready_made, prompts, built_in_graphs):
        module.install_after_migrate(**kwargs)


def _prompts_of(definition: Mapping[str, Any]) -> dict[str, Any]:
    from refine_app.services import snapshot_prompts

    return snapshot_prompts.prompts_of(definition)
