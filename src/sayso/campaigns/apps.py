from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    name = "sayso.campaigns"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import build  # noqa: F401 (registers how its variables are filled)
