"""Where every room's pages are mounted."""

from django.urls import include, path

from .views import consent, contacts, dashboard, entrance, profile, settings

urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("dashboard/figures", dashboard.figures, name="dashboard_figures"),
    path("sign-in/<str:token>", entrance.sign_in_link, name="sign_in_link"),
    path("live-token", entrance.live_token, name="live_token"),
    path("audience/contacts", contacts.index, name="contacts"),
    path("audience/contacts/<int:contact_id>", profile.profile, name="profile"),
    path("audience/contacts/<int:contact_id>/unsubscribe", profile.unsubscribe, name="contact_unsubscribe"),
    path("audience/consent", consent.ledger, name="consent_ledger"),
    path("settings/consent", consent.rules, name="consent_rules"),
    path("settings/whatsapp", settings.senders, name="senders"),
    path("", include("sayso.contacts.urls")),
    path("", include("sayso.campaigns.urls")),
    path("", include("sayso.privacy.urls")),
    path("", include("sayso.shopify.urls")),
    path("", include("sayso.shops.urls")),
]
