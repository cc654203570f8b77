"""Pages around the login: signing in, starting as a guest, signing out; what fails is said on the welcome page."""

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from sessions_app.errors import DomainError, InviteOver, NotFound
from sessions_app.limits import addresses, http, policies
from sessions_app.limits.http import limited
from sessions_app.models import User
from sessions_app.services import auth, invites

HOME = "/"
BACKEND = "django.contrib.auth.backends.ModelBackend"


def safe_next(request: HttpRequest) -> str:
    """Where to go after signing in: a path of this site, whatever the form or the address said."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    allowed = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if allowed else HOME


def to_welcome(target: str, **more: str) -> HttpResponseRedirect:
    """The page for those who are not signed in, which leads on to the target afterwards."""
    query = urlencode({"next": target, **more} if target != HOME else more)
    return HttpResponseRedirect(f"{HOME}?{query}" if query else HOME)


def new_guest(request: HttpRequest, name: str = "") -> User:
    """A guest for a stranger's page; counted, and kept with where they came from."""
    http.ask(request, policies.GUESTS)
    return auth.create_guest(name=name, network=addresses.of_request(request))


@limited()
@require_POST
def start_as_guest(request: HttpRequest) -> HttpResponse:
    """Makes a guest by the chosen name and signs them in."""
    target = safe_next(request)
    if request.user.is_authenticated:
        return HttpResponseRedirect(target)
    try:
        guest = new_guest(request, request.POST.get("name", ""))
    except DomainError as error:
        messages.error(request, str(error))
        return to_welcome(target)
    login(request, guest, backend=BACKEND)
    return HttpResponseRedirect(target)


@limited()  # by the password's own limits
@sensitive_post_parameters("password")
@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """Signs in to an account."""
    target = safe_next(request)
    try:
        user = auth.sign_in(
            username=request.POST.get("username", ""), password=request.POST.get("password", ""), request=request
        )
    except DomainError as error:
        messages.error(request, str(error))
        return to_welcome(target, account="1")
    login(request, user, backend=BACKEND)
    return HttpResponseRedirect(target)


@limited(policies.INVITES)
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """An invitation: what it leads to, and the way in, for strangers as guests."""
    try:
        here = invites.joined(user=request.user, token=token) if isinstance(request.user, User) else None
        if here is not None and request.method != "POST":
            return HttpResponseRedirect(reverse("workspace", args=[here]))
        invite = invites.look(token=token, user=request.user if isinstance(request.user, User) else None)
    except (NotFound, InviteOver) as error:
        return render(request, "sessions_app/join.html", {"invite": None, "reason": str(error)}, status=404)
    if request.method == "POST":
        try:
            return _joined(request, token)
        except DomainError as error:
            messages.error(request, str(error))
    return render(request, "sessions_app/join.html", {"invite": invite, "guests_allowed": settings.GUESTS_ALLOWED})


def _joined(request: HttpRequest, token: str) -> HttpResponse:
    if isinstance(request.user, User):
        member = invites.accept(user=request.user, token=token)
    else:
        with transaction.atomic():  # no guest is left behind by an invitation that ended meanwhile
            guest = new_guest(request, request.POST.get("name", ""))
            member = invites.accept(user=guest, token=token)
        login(request, guest, backend=BACKEND)
    return HttpResponseRedirect(reverse("workspace", args=[member.session_id]))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends the login."""
    logout(request)
    return HttpResponseRedirect(reverse("home"))
