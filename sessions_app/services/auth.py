"""Signing in: guests, tokens, tickets for sockets, and whether a login still stands."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, authenticate
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import RefreshToken, Token

from sessions_app.errors import BadCredentials, GuestsNotAllowed, InvalidField, TokenNotValid
from sessions_app.limits import addresses, quotas
from sessions_app.limits.quotas import Holder
from sessions_app.models import Ticket, User, new_id
from sessions_app.services import texts

NAME_MAX = 80
TICKET_LIFETIME = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Tokens:
    """A pair of JSON Web Tokens and whose they are."""

    access: str
    refresh: str
    user: User


def create_guest(*, name: str = "", network: str = "") -> User:
    """A user without a password, by a name of their choice; guests of one network share what they may hold."""
    if not settings.GUESTS_ALLOWED:
        raise GuestsNotAllowed
    cleaned = texts.one_line(name, pointer="/name")
    if len(cleaned) > NAME_MAX:
        raise InvalidField(
            pointer="/name", message=f"The name has {len(cleaned)} characters; at most {NAME_MAX} are kept."
        )
    user_id = new_id()
    guest = User(id=user_id, username=f"guest-{user_id.hex}", name=cleaned or f"Guest {user_id.hex[-4:]}")
    guest.is_guest = True
    guest.set_unusable_password()
    guest.address = addresses.digest(network) if network else ""
    with transaction.atomic():
        if guest.address:
            quotas.require("guests", [Holder("ip", guest.address)])
        guest.save(force_insert=True)
    return guest


def sign_in(*, username: str, password: str, request: HttpRequest | None = None) -> User:
    """The user whom a username and password belong to."""
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User):
        raise BadCredentials
    return user


def tokens_for(user: User) -> Tokens:
    """A new pair of tokens for somebody."""
    refresh = RefreshToken.for_user(user)
    return Tokens(access=str(refresh.access_token), refresh=str(refresh), user=user)


def refresh_tokens(*, refresh: str) -> Tokens:
    """A new access token for who holds a good refresh token, which stays the same."""
    try:
        token: Token = RefreshToken(refresh)  # type: ignore[arg-type]  # its annotation wants a Token, it takes the text
    except TokenError as error:
        raise TokenNotValid from error
    user = User.objects.filter(pk=str(token.payload.get("user_id")), is_active=True).first()
    if user is None:
        raise TokenNotValid
    return Tokens(access=str(RefreshToken(refresh).access_token), refresh=refresh, user=user)  # type: ignore[arg-type]


# Tickets ------------------------------------------------------------------------------------------


def issue_ticket(*, user: User, login: str = "", ends_at: datetime | None = None, now: datetime | None = None) -> str:
    """A pass for one socket, good once and for half a minute; only its digest is stored.

    login is the key of the login that asks (the socket ends with it), ends_at the end of the access token that asks.
    """
    now = now or timezone.now()
    ticket = secrets.token_urlsafe(32)
    Ticket.objects.create(
        digest=_digest(ticket), user=user, expires_at=now + TICKET_LIFETIME, login=login, ends_at=ends_at
    )
    return ticket


def redeem_ticket(*, ticket: str, now: datetime | None = None) -> Ticket | None:
    """What the ticket was issued for, once; the DELETE decides who of two that come together gets in."""
    now = now or timezone.now()
    found = Ticket.objects.select_related("user").filter(digest=_digest(ticket)).first()
    if found is None or not Ticket.objects.filter(digest=found.digest).delete()[0]:
        return None
    return found if found.expires_at > now and found.user.is_active else None


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()


# Logins -------------------------------------------------------------------------------------------


def standing_logins(keys: Collection[str]) -> dict[str, User]:
    """Which of these logins (keys of Django's sessions) still stand, and whose they are."""
    contents = {key: content for key in keys if (content := _login_store()(key).load())}
    user_ids = {content[SESSION_KEY] for content in contents.values() if SESSION_KEY in content}
    users = {str(user.pk): user for user in User.objects.filter(pk__in=user_ids, is_active=True)}
    return {
        key: user
        for key, content in contents.items()
        if (user := users.get(str(content.get(SESSION_KEY)))) is not None and _stands(content, user)
    }


def _login_store() -> type[SessionBase]:
    store: type[SessionBase] = import_module(settings.SESSION_ENGINE).SessionStore
    return store


def _stands(content: dict[str, Any], user: User) -> bool:
    """Whether the login was made with the password that is the user's now."""
    if content.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return False
    shown = content.get(HASH_SESSION_KEY) or ""
    valid = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(shown, expected) for expected in valid)
