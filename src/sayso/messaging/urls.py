from django.urls import path

from . import views

urlpatterns = [
    path("settings/consent/words", views.words, name="consent_words"),
    path(
        "audience/contacts/<int:contact_id>/possible-opt-out/<int:suggestion_id>",
        views.decide,
        name="possible_opt_out",
    ),
]
