"""The same POST again gets the first answer again, by its Idempotency-Key (kept for 24 hours).

1. A row for (user, path, key) is inserted and committed; its unique constraint lets one of two in.
2. The view runs in one transaction with the storing of its answer: both happen, or neither.
3. An error is not kept: nothing was started, so the key is free again. A process that died in between leaves the row
   in progress; after ABANDONED_AFTER somebody else may take it over.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial, wraps
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from sessions_app import conflicts
from sessions_app.errors import KeyInProgress, KeyReused, Malformed
from sessions_app.models import IdempotencyKey, User
from sessions_app.services.lifetimes import KEYS_KEPT

ABANDONED_AFTER = timedelta(seconds=60)
KEY_MAX = 255

Post = Callable[..., Response]


def idempotent(post: Post) -> Post:
    """Decorates the post() of a view; without the header, or without a user, it changes nothing."""

    @wraps(post)
    def answered_once(view: APIView, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is None or not isinstance(request.user, User):
            return post(view, request, *args, **kwargs)
        if not key or len(key) > KEY_MAX or not key.isascii() or not key.isprintable():
            raise Malformed(f"Idempotency-Key has to be 1 to {KEY_MAX} printable ASCII characters.")
        claim = _claim(user=request.user, path=request.path, key=key, digest=_digest(request), now=timezone.now())
        if claim.status_code is not None:
            return Response(claim.body, claim.status_code, headers={**claim.headers, "Idempotent-Replayed": "true"})
        try:
            return conflicts.retried(partial(_answer, claim, post, view, request, *args, **kwargs))
        except BaseException:
            _release(claim)
            raise

    return answered_once


def _answer(claim: IdempotencyKey, post: Post, view: APIView, request: Request, *args: Any, **kwargs: Any) -> Response:
    with transaction.atomic():
        response = post(view, request, *args, **kwargs)
        _keep(claim, response)
    return response


def _digest(request: Request) -> str:
    return hashlib.sha256(json.dumps(request.data, sort_keys=True).encode()).hexdigest()


def _claim(*, user: User, path: str, key: str, digest: str, now: datetime) -> IdempotencyKey:
    """The row of this key: a new one that is ours to answer, or that of the first answer."""
    if len(path) > 500:
        raise Malformed("The path is too long.")
    IdempotencyKey.objects.filter(user=user, path=path, key=key, created_at__lt=now - KEYS_KEPT).delete()
    try:
        with transaction.atomic():
            return IdempotencyKey.objects.create(user=user, path=path, key=key, body_digest=digest, created_at=now)
    except IntegrityError:
        first = IdempotencyKey.objects.filter(user=user, path=path, key=key).first()
    if first is None:  # it was released between our two looks
        return _claim(user=user, path=path, key=key, digest=digest, now=now)
    if first.body_digest != digest:
        raise KeyReused(key)
    if first.status_code is None:
        _take_over(first, now=now)
    return first


def _take_over(first: IdempotencyKey, *, now: datetime) -> None:
    """Makes an abandoned attempt ours; only one of several can."""
    abandoned = IdempotencyKey.objects.filter(
        pk=first.pk, status_code=None, created_at=first.created_at, created_at__lt=now - ABANDONED_AFTER
    )
    if not abandoned.update(created_at=now):
        raise KeyInProgress(first.key, since=first.created_at)
    first.created_at = now


def _keep(claim: IdempotencyKey, response: Response) -> None:
    """Stores the answer, unless somebody took the claim over: then this transaction is undone."""
    body = json.loads(JSONRenderer().render(response.data)) if response.data is not None else None
    headers = {name: str(value) for name, value in response.headers.items() if name.lower() != "content-type"}
    ours = IdempotencyKey.objects.filter(pk=claim.pk, status_code=None, created_at=claim.created_at)
    if not ours.update(status_code=response.status_code, body=body, headers=headers):
        raise KeyInProgress(claim.key, since=claim.created_at)


def _release(claim: IdempotencyKey) -> None:
    IdempotencyKey.objects.filter(pk=claim.pk, status_code=None, created_at=claim.created_at).delete()
