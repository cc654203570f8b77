"""The operators' site as an app: Django's own, whose classes may say at run time which model they are for."""

from typing import Any

import django_stubs_ext
from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig


class OperatorsSite(AdminSite):
    """Django's, without its short cut to a model's page: none has one, and its path's pattern takes quadratic time."""

    def get_urls(self) -> list[Any]:
        return [url for url in super().get_urls() if getattr(url, "name", "") != "view_on_site"]


class SiteAdminConfig(AdminConfig):
    """Finds the admin modules of all apps."""

    default_site = "agentsite.admin_site.OperatorsSite"

    def ready(self) -> None:
        django_stubs_ext.monkeypatch()
        super().ready()
