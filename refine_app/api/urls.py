"""This app's paths under /v1."""

from django.urls import path

from refine_app.api import model_views, prompt_views, run_file_views, task_views, views

urlpatterns = [
    path("sessions/<uuid:session_id>/requests", views.Requests.as_view(), name="session-requests"),
    path("requests/<uuid:request_id>", views.RequestDetail.as_view(), name="request"),
    path("sessions/<uuid:session_id>/proposals", views.Proposals.as_view(), name="session-proposals"),
    path("proposals/<uuid:proposal_id>", views.ProposalDetail.as_view(), name="proposal"),
    path("proposals/<uuid:proposal_id>/hunks/<int:n>/accept", views.AcceptHunk.as_view(), name="hunk-accept"),
    path("proposals/<uuid:proposal_id>/hunks/<int:n>/reject", views.RejectHunk.as_view(), name="hunk-reject"),
    path("proposals/<uuid:proposal_id>/accept", views.Accept.as_view(), name="proposal-accept"),
    path("proposals/<uuid:proposal_id>/reject", views.Reject.as_view(), name="proposal-reject"),
    path("proposals/<uuid:proposal_id>/patch", views.Patch.as_view(), name="proposal-patch"),
    path("model-calls", views.ModelCalls.as_view(), name="model-calls"),
    path(
        "runs/<uuid:run_id>/node-runs/<uuid:node_run_id>/model-calls",
        views.NodeRunModelCalls.as_view(),
        name="run-node-run-model-calls",
    ),
    path("model-calls/sums", model_views.Sums.as_view(), name="model-call-sums"),
    path("endpoints", model_views.Endpoints.as_view(), name="endpoints"),
    path("endpoints/<slug:slug>", model_views.EndpointDetail.as_view(), name="endpoint"),
    path("endpoints/<slug:slug>/test", model_views.EndpointTest.as_view(), name="endpoint-test"),
    path("endpoints/<slug:slug>/breaker", model_views.EndpointBreaker.as_view(), name="endpoint-breaker"),
    path("prompts", prompt_views.Prompts.as_view(), name="prompts"),
    path("prompts/<slug:name>", prompt_views.PromptDetail.as_view(), name="prompt"),
    path("prompts/<slug:name>/versions", prompt_views.PromptVersions.as_view(), name="prompt-versions"),
    path(
        "prompts/<slug:name>/versions/<str:version>", prompt_views.PromptVersionDetail.as_view(), name="prompt-version"
    ),
    path("prompts/<slug:name>/labels", prompt_views.PromptLabels.as_view(), name="prompt-labels"),
    path("prompts/<slug:name>/rollback", prompt_views.PromptRollBack.as_view(), name="prompt-rollback"),
    path("prompts/<slug:name>/diff", prompt_views.PromptDiff.as_view(), name="prompt-diff"),
    path("prompts/<slug:name>/uses", prompt_views.PromptUses.as_view(), name="prompt-uses"),
    path("prompts/<slug:name>/render", prompt_views.PromptRender.as_view(), name="prompt-render"),
    path("agents", task_views.Agents.as_view(), name="agents"),
    path("agent/execute", task_views.Execute.as_view(), name="agent-execute"),
    path("tasks", task_views.Tasks.as_view(), name="tasks"),
    path("tasks/<uuid:task_id>", task_views.TaskDetail.as_view(), name="task"),
    path("budgets", model_views.Budgets.as_view(), name="budgets"),
    path("budgets/<uuid:budget_id>", model_views.BudgetDetail.as_view(), name="budget"),
    path("runs/<uuid:run_id>/budget", model_views.RunBudget.as_view(), name="run-budget"),
    path("runs/<uuid:run_id>/files", run_file_views.RunFiles.as_view(), name="run-files"),
    path("runs/<uuid:run_id>/files/<int:n>", run_file_views.RunFileText.as_view(), name="run-file"),
    path("runs/<uuid:run_id>/archive", run_file_views.RunArchive.as_view(), name="run-archive"),
    path("sessions/<uuid:session_id>/estimate", model_views.Estimate.as_view(), name="session-estimate"),
]
