from django.urls import path

from . import choice_views, views
from .reconciliation import views as reconcile_views

urlpatterns = [
    path("settings/shopify", views.overview, name="shopify"),
    path("settings/shopify/import", views.import_again, name="shopify_import"),
    path("settings/shopify/choices", choice_views.choices, name="shopify_choices"),
    path("settings/shopify/choices/try-again", choice_views.try_all_again, name="shopify_write_back_again"),
    path("audience/contacts/<int:contact_id>/write-back", choice_views.try_again, name="contact_write_back_again"),
    path("settings/shopify/reconcile", reconcile_views.start, name="shopify_reconcile"),
    path("settings/shopify/reconciliations/<int:run_id>", reconcile_views.report, name="shopify_reconciliation"),
    path("connect", views.connect, name="connect"),
    path("connect/permission", views.permission, name="connect_permission"),
    path("shopify/callback", views.callback, name="shopify_callback"),
]
