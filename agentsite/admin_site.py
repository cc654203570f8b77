"""The operators' site as an app: Django's own, whose classes may say at run time which model they are for."""

import django_stubs_ext
from django.contrib.admin.apps import AdminConfig


class SiteAdminConfig(AdminConfig):
    """Finds the admin modules of all apps."""

    def ready(self) -> None:
        django_stubs_ext.monkeypatch()
        super().ready()
