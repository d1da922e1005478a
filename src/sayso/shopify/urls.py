from django.urls import path

from . import views

urlpatterns = [
    path("settings/shopify", views.overview, name="shopify"),
    path("connect", views.connect, name="connect"),
]
