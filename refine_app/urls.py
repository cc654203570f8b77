"""Paths of the pages: home, the workspace, and those of prompts, endpoints and costs."""

from django.urls import path

from refine_app import cost_pages, endpoint_pages, prompt_pages, views
from refine_app.api.task_views import SubmitQuery

urlpatterns = [
    path("", views.home, name="home"),
    path("runs", SubmitQuery.as_view(), name="alias-runs"),
    path("sessions/", views.create_session, name="create-session"),
    path("sessions/<uuid:session_id>/", views.workspace, name="workspace"),
    path("costs/", cost_pages.costs, name="costs-page"),
    path("prompts/", prompt_pages.prompt_list, name="prompts-page"),
    path("prompts/<slug:name>/", prompt_pages.prompt_page, name="prompt-page"),
    path("endpoints/", endpoint_pages.endpoint_list, name="endpoints-page"),
    path("samples/<slug:slug>/", views.start_sample, name="start-sample"),
]
