from django.urls import path

from . import views

urlpatterns = [
    path("audience/contacts/<int:contact_id>/exclude", views.exclude, name="contact_exclude"),
]
