from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    name = "sayso.campaigns"
    default_auto_field = "django.db.models.BigAutoField"
