from django.urls import path

from . import views

urlpatterns = [
    path("settings/shopify", views.overview, name="shopify"),
    path("settings/shopify/import", views.import_again, name="shopify_import"),
    path("connect", views.connect, name="connect"),
    path("connect/permission", views.permission, name="connect_permission"),
    path("shopify/callback", views.callback, name="shopify_callback"),
]
