"""This app's paths under /v1."""

from django.urls import path

from sessions_app.api import history, invitations, invites, views

urlpatterns = [
    path("auth/guest", views.Guest.as_view(), name="auth-guest"),
    path("auth/token", views.SignIn.as_view(), name="auth-token"),
    path("auth/token/refresh", views.Refresh.as_view(), name="auth-refresh"),
    path("auth/ticket", views.Ticket.as_view(), name="auth-ticket"),
    path("sessions", views.Sessions.as_view(), name="sessions"),
    path("sessions/<uuid:session_id>", views.SessionDetail.as_view(), name="session"),
    path("sessions/<uuid:session_id>/extend", views.Extend.as_view(), name="session-extend"),
    path("sessions/<uuid:session_id>/reopen", views.Reopen.as_view(), name="session-reopen"),
    path("sessions/<uuid:session_id>/members", views.Members.as_view(), name="session-members"),
    path("sessions/<uuid:session_id>/members/<uuid:user_id>", views.MemberDetail.as_view(), name="session-member"),
    path("sessions/<uuid:session_id>/invites", invites.Invites.as_view(), name="session-invites"),
    path("sessions/<uuid:session_id>/invites/<uuid:invite_id>", invites.InviteDetail.as_view(), name="session-invite"),
    path(
        "sessions/<uuid:session_id>/invitations",
        invitations.SessionInvitations.as_view(),
        name="session-invitations",
    ),
    path(
        "sessions/<uuid:session_id>/invitations/<uuid:invitation_id>",
        invitations.SessionInvitation.as_view(),
        name="session-invitation",
    ),
    path("me/invitations", invitations.MyInvitations.as_view(), name="my-invitations"),
    path(
        "me/invitations/<uuid:invitation_id>/accept", invitations.AcceptInvitation.as_view(), name="invitation-accept"
    ),
    path(
        "me/invitations/<uuid:invitation_id>/decline",
        invitations.DeclineInvitation.as_view(),
        name="invitation-decline",
    ),
    path("invites/<str:token>", invites.InviteLook.as_view(), name="invite"),
    path("invites/<str:token>/accept", invites.InviteAccept.as_view(), name="invite-accept"),
    path("sessions/<uuid:session_id>/document/timeline", history.Timeline.as_view(), name="document-timeline"),
    path("sessions/<uuid:session_id>/document/blame", history.Blame.as_view(), name="document-blame"),
    path("sessions/<uuid:session_id>/document", views.DocumentDetail.as_view(), name="session-document"),
    path("sessions/<uuid:session_id>/revisions", views.Revisions.as_view(), name="session-revisions"),
    path("sessions/<uuid:session_id>/revisions/<int:number>", views.RevisionDetail.as_view(), name="session-revision"),
    path(
        "sessions/<uuid:session_id>/revisions/<int:number>/comparison",
        history.Comparison.as_view(),
        name="revision-comparison",
    ),
    path("sessions/<uuid:session_id>/revisions/<int:number>/restore", views.Restore.as_view(), name="session-restore"),
    path("sessions/<uuid:session_id>/events", views.Events.as_view(), name="session-events"),
]
