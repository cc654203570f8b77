"""Paths of the pages of graphs and runs. (/graphs/… belongs to programs.)"""

from django.urls import path

from graphs_app import views

urlpatterns = [
    path("graphs/", views.to_graph_list, name="graphs-folder"),
    path("graph/", views.graph_list, name="graphs-page"),
    path("graph/new/", views.create_graph, name="create-graph-page"),
    path("graph/<str:key>/", views.graph_page, name="graph-page"),
    path("graph/<str:key>/versions/", views.versions_page, name="graph-versions-page"),
    path("runs/<uuid:run_id>/", views.run_page, name="run-page"),
]
