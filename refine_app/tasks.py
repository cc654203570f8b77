"""What beat has done for models: nothing but calls to services."""

from celery import shared_task
from django.utils import timezone

from refine_app.services import calls


@shared_task
def settle_abandoned_calls() -> int:
    """Closes calls whose worker died and whose run is over: what they reserved is free again."""
    return calls.settle_abandoned(timezone.now())
