from django.urls import path

from . import views

urlpatterns = [
    path("campaigns", views.index, name="campaigns"),
    path("campaigns/new", views.new, name="campaign_new"),
    path("campaigns/new/parts", views.composer, name="campaign_composer"),
    path("campaigns/new/reach", views.reach, name="campaign_reach"),
    path("campaigns/<int:campaign_id>", views.detail, name="campaign"),
    path("campaigns/<int:campaign_id>/recipients", views.recipients, name="campaign_recipients"),
    path("campaigns/<int:campaign_id>/launch", views.launch, name="campaign_launch"),
    path("campaigns/<int:campaign_id>/stop", views.stop, name="campaign_stop"),
]
