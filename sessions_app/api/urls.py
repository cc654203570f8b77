"""This app's paths under /v1."""

from django.urls import path

from sessions_app.api import views

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
    path("sessions/<uuid:session_id>/document", views.DocumentDetail.as_view(), name="session-document"),
    path("sessions/<uuid:session_id>/revisions", views.Revisions.as_view(), name="session-revisions"),
    path("sessions/<uuid:session_id>/revisions/<int:number>", views.RevisionDetail.as_view(), name="session-revision"),
    path("sessions/<uuid:session_id>/revisions/<int:number>/restore", views.Restore.as_view(), name="session-restore"),
    path("sessions/<uuid:session_id>/events", views.Events.as_view(), name="session-events"),
]
