"""The documents' own paths, at the root."""

from django.urls import path

from graphs_app.api import alias_views

urlpatterns = [
    path("graphs/create", alias_views.CreateGraph.as_view(), name="alias-graph-create"),
    path("executions/run", alias_views.RunGraph.as_view(), name="alias-execution-run"),
    path("executions/result/<uuid:run_id>", alias_views.Result.as_view(), name="alias-execution-result"),
]
