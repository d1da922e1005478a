"""Where every room's pages are mounted."""

from django.urls import include, path

from .views import consent, consent_settings, contacts, dashboard, entrance, ledger, profile, settings, suppressed

urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("dashboard/figures", dashboard.figures, name="dashboard_figures"),
    path("sign-in/<str:token>", entrance.sign_in_link, name="sign_in_link"),
    path("live-token", entrance.live_token, name="live_token"),
    path("audience/contacts", contacts.index, name="contacts"),
    path("audience/contacts/<int:contact_id>", profile.profile, name="profile"),
    path("audience/contacts/<int:contact_id>/unsubscribe", profile.unsubscribe, name="contact_unsubscribe"),
    path("audience/consent", consent.overview, name="consent"),
    path("audience/consent/figures", consent.figures, name="consent_figures"),
    path("audience/consent/campaigns", consent.campaigns, name="consent_campaigns"),
    path("audience/consent/ledger", ledger.ledger, name="consent_ledger"),
    path("audience/consent/ledger/<int:entry_id>", ledger.entry, name="consent_entry"),
    path("audience/consent/suppressed", suppressed.overview, name="suppressed"),
    path("audience/consent/suppressed/look-up", suppressed.look_up, name="suppressed_look_up"),
    path("audience/consent/suppressed/block", suppressed.block, name="suppressed_block"),
    path("audience/consent/suppressed/release", suppressed.release, name="suppressed_release"),
    path("audience/consent/suppressed/import", suppressed.load, name="suppressed_import"),
    path("audience/consent/suppressed.csv", suppressed.export, name="suppressed_export"),
    path("settings/consent", consent_settings.settings_page, name="consent_settings"),
    path("settings/consent/rules", consent_settings.rules, name="consent_rules"),
    path("settings/whatsapp", settings.senders, name="senders"),
    path("", include("sayso.contacts.urls")),
    path("", include("sayso.messaging.urls")),
    path("", include("sayso.consent.urls")),
    path("", include("sayso.campaigns.urls")),
    path("", include("sayso.privacy.urls")),
    path("", include("sayso.choices.urls")),
    path("", include("sayso.shopify.urls")),
    path("", include("sayso.shops.urls")),
]
