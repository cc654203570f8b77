"""This app's paths under /v1."""

from django.urls import path

from refine_app.api import views

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
]
