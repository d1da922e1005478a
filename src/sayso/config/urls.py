"""Where every room's pages are mounted."""

from django.urls import include, path

urlpatterns = [
    path("accounts/", include("allauth.urls")),
    path("", include("sayso.ui.urls")),
    path("api/", include("sayso.api.urls")),
]
