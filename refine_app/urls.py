"""Paths of the pages: home and the workspace."""

from django.urls import path

from refine_app import views
from refine_app.api.task_views import SubmitQuery

urlpatterns = [
    path("", views.home, name="home"),
    path("runs", SubmitQuery.as_view(), name="alias-runs"),
    path("sessions/", views.create_session, name="create-session"),
    path("sessions/<uuid:session_id>/", views.workspace, name="workspace"),
    path("samples/<slug:slug>/", views.start_sample, name="start-sample"),
]
