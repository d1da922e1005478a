from django.urls import path

from . import views

urlpatterns = [
    path("audience/contacts/<int:contact_id>/proof", views.proof, name="consent_proof"),
    path("audience/consent/exports", views.exports_page, name="consent_exports"),
    path("audience/consent/exports/<int:export_id>/file", views.export_file, name="consent_export_file"),
    path("audience/consent/then", views.then, name="consent_then"),
]
