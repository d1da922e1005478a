from django.urls import path

from .views import brand, confirm, forms, hosted, kiosk, preferences, settings, topics, wordings

urlpatterns = [
    path("f/<int:shop_id>-<slug:key>", hosted.form, name="form"),
    path("f/<int:shop_id>-<slug:key>/thanks", hosted.thanks, name="form_thanks"),
    path("f/<int:shop_id>-<slug:key>/embed", hosted.embedded, name="form_embedded"),
    path("f/<int:shop_id>-<slug:key>/embed/thanks", hosted.embedded_thanks, name="form_thanks_embedded"),
    path("k/<str:token>", kiosk.kiosk, name="kiosk"),
    path("k/<str:token>/thanks", kiosk.thanks, name="kiosk_thanks"),
    path("p/<str:token>", preferences.page, name="preferences"),
    path("u/<str:token>", preferences.unsubscribe, name="unsubscribe"),
    path("u/<str:token>/again", preferences.again, name="unsubscribe_again"),
    path("u/<str:token>/why", preferences.why, name="unsubscribe_why"),
    path("c/<str:token>", confirm.confirm, name="confirm"),
    path("brand/<str:colour>.css", brand.style, name="brand"),
    path("audience/forms", forms.index, name="forms"),
    path("audience/forms/new", forms.new, name="form_new"),
    path("audience/forms/<int:form_id>", forms.detail, name="form_detail"),
    path("audience/forms/<int:form_id>/status", forms.set_status, name="form_status"),
    path("audience/forms/<int:form_id>/wordings", forms.suggest_wordings, name="form_wordings"),
    path("audience/forms/<int:form_id>/preview", forms.preview, name="form_preview"),
    path("audience/forms/<int:form_id>/kiosk", forms.open_kiosk, name="form_kiosk"),
    path("audience/opt-out-reasons", forms.reasons, name="opt_out_reasons"),
    path("audience/contacts/<int:contact_id>/topics", topics.choose, name="contact_topics"),
    path("settings/topics", topics.index, name="topics"),
    path("settings/topics/<int:topic_id>", topics.edit, name="topic"),
    path("settings/topics/<int:topic_id>/delete", topics.delete, name="topic_delete"),
    path("settings/consent/wordings", wordings.index, name="wordings"),
    path("settings/consent/wordings/new", wordings.new, name="wording_new"),
    path("settings/consent/public-pages", settings.public_pages, name="public_pages"),
    path("settings/consent/set-up", settings.set_up, name="consent_set_up"),
]
