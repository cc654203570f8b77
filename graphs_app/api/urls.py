"""This app's paths under /v1."""

from django.urls import path

from graphs_app.api import (
    exchange_views,
    graph_views,
    grouping_views,
    redesign_views,
    run_views,
    timeline_views,
    version_views,
)

urlpatterns = [
    path("graphs", graph_views.Graphs.as_view(), name="graphs"),
    path("graphs/validate", graph_views.Validate.as_view(), name="graph-validate"),
    path("graphs/layout", graph_views.PlannedLayout.as_view(), name="graph-planned-layout"),
    path("graphs/import", exchange_views.Import.as_view(), name="graph-import"),
    path("graphs/group", grouping_views.Group.as_view(), name="graph-group"),
    path("graphs/ungroup", grouping_views.Ungroup.as_view(), name="graph-ungroup"),
    path("graphs/<str:key>", graph_views.GraphDetail.as_view(), name="graph"),
    path("graphs/<str:key>/versions", graph_views.Versions.as_view(), name="graph-versions"),
    path("graphs/<str:key>/versions/<int:number>", version_views.VersionDetail.as_view(), name="graph-version"),
    path(
        "graphs/<str:key>/versions/<int:number>/snapshot",
        version_views.Snapshot.as_view(),
        name="graph-version-snapshot",
    ),
    path("graphs/<str:key>/draft", version_views.Draft.as_view(), name="graph-draft"),
    path("graphs/<str:key>/session", version_views.Together.as_view(), name="graph-session"),
    path("graphs/<str:key>/publish", version_views.Publish.as_view(), name="graph-publish"),
    path("graphs/<str:key>/rollback", version_views.Rollback.as_view(), name="graph-rollback"),
    path("graphs/<str:key>/restore", version_views.Restore.as_view(), name="graph-restore"),
    path("graphs/<str:key>/compare", version_views.Compare.as_view(), name="graph-compare"),
    path("graphs/<str:key>/export", exchange_views.Export.as_view(), name="graph-export"),
    path("graphs/<str:key>/redesigns", redesign_views.Redesigns.as_view(), name="graph-redesigns"),
    path("graph-proposals/<uuid:proposal_id>", redesign_views.GraphProposalDetail.as_view(), name="graph-proposal"),
    path(
        "graph-proposals/<uuid:proposal_id>/changes/<int:n>/accept",
        redesign_views.AcceptChange.as_view(),
        name="graph-change-accept",
    ),
    path(
        "graph-proposals/<uuid:proposal_id>/changes/<int:n>/reject",
        redesign_views.RejectChange.as_view(),
        name="graph-change-reject",
    ),
    path("graph-proposals/<uuid:proposal_id>/decide", redesign_views.DecideAll.as_view(), name="graph-proposal-decide"),
    path(
        "graph-proposals/<uuid:proposal_id>/apply", redesign_views.ApplyProposal.as_view(), name="graph-proposal-apply"
    ),
    path("tools", graph_views.Tools.as_view(), name="tools"),
    path("graphs/<str:key>/layout", graph_views.Layout.as_view(), name="graph-layout"),
    path("runs", run_views.Runs.as_view(), name="runs"),
    path("runs/<uuid:run_id>", run_views.RunDetail.as_view(), name="run"),
    path("runs/<uuid:run_id>/node-runs", run_views.NodeRuns.as_view(), name="run-node-runs"),
    path("runs/<uuid:run_id>/timeline", timeline_views.Timeline.as_view(), name="run-timeline"),
    path("runs/<uuid:run_id>/steps/<int:activation>", timeline_views.StepDetail.as_view(), name="run-step"),
    path("runs/<uuid:run_id>/steps/<int:activation>/alone", run_views.Alone.as_view(), name="run-step-alone"),
    path("runs/<uuid:run_id>/checkpoints", run_views.Checkpoints.as_view(), name="run-checkpoints"),
    path("runs/<uuid:run_id>/checkpoints/<int:number>", run_views.CheckpointDetail.as_view(), name="run-checkpoint"),
    path("runs/<uuid:run_id>/cancel", run_views.Cancel.as_view(), name="run-cancel"),
    path("runs/<uuid:run_id>/resume", run_views.Resume.as_view(), name="run-resume"),
    path("runs/<uuid:run_id>/fork", run_views.Fork.as_view(), name="run-fork"),
    path("runs/<uuid:run_id>/retry", run_views.Retry.as_view(), name="run-retry"),
]
