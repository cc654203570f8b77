"""Paths of the pages around the login."""

from django.urls import path

from sessions_app import views

urlpatterns = [
    path("guest/", views.start_as_guest, name="start-as-guest"),
    path("sign-in/", views.sign_in, name="sign-in"),
    path("sign-out/", views.sign_out, name="sign-out"),
    path("join/<str:token>/", views.join, name="join"),
]
