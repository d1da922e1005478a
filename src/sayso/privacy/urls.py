from django.urls import path

from . import views

urlpatterns = [
    path("settings/privacy", views.index, name="privacy"),
    path("settings/privacy/ask/<str:kind>", views.ask, name="privacy_ask"),
    path("settings/privacy/people/<int:contact_id>/access", views.ask_access, name="privacy_access"),
    path("settings/privacy/people/<int:contact_id>/erase", views.redact, name="privacy_redact"),
    path("settings/privacy/requests/<int:request_id>", views.decide, name="privacy_decide"),
    path("settings/privacy/requests/<int:request_id>/package", views.package, name="privacy_package"),
    path("settings/privacy/retention", views.periods, name="privacy_retention"),
    path("settings/privacy/erase-shop", views.erase, name="privacy_erase"),
    path("erasure-certificates/<str:token>", views.certificate, name="erasure_certificate"),
]
