"""The top app: it registers its tools, effects and built-in graphs with the apps below."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RefineConfig(AppConfig):
    name = "refine_app"
    verbose_name = "Refinement"

    def ready(self) -> None:
        # Models can be imported only now.
        from graphs_app import effects, snapshots
        from graphs_app.engine.registry import REGISTRY
        from refine_app.model_clients import desk
        from refine_app.services import (
            built_in_graphs,
            handing_over,
            ledger,
            prompts,
            proposals,
            ready_made,
            snapshot_prompts,
            stuck,
        )
        from refine_app.services.desk import DatabaseDesk
        from refine_app.tools.catalogue import TOOLS

        for tool in TOOLS:
            REGISTRY.add(tool)
        effects.register(proposals.EFFECT, proposals.create_proposal)
        effects.register(ledger.EFFECT, ledger.record_model_call)
        effects.register(handing_over.EFFECT, handing_over.hand_over)
        effects.register(stuck.EFFECT, stuck.roll_back)
        snapshots.register_part(snapshot_prompts.PART, snapshot_prompts.prompts_of)
        desk.use(DatabaseDesk())
        post_migrate.connect(ready_made.install_after_migrate, sender=self, dispatch_uid="ready-made-endpoints")
        post_migrate.connect(prompts.install_after_migrate, sender=self, dispatch_uid="built-in-prompts")
        post_migrate.connect(built_in_graphs.install_after_migrate, sender=self, dispatch_uid="built-in-graphs")
