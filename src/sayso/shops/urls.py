from django.urls import path

from . import views

urlpatterns = [
    path("settings/tokens", views.tokens, name="tokens"),
    path("settings/tokens/<int:token_id>/revoke", views.revoke_token, name="token_revoke"),
    path("settings/team", views.team, name="team"),
    path("settings/team/<int:membership_id>/role", views.set_role, name="team_role"),
    path("shops/choose", views.choose, name="shop_choose"),
]
