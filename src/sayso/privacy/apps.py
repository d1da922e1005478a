from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "sayso.privacy"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sayso.shops import personal

        from . import holdings

        personal.declare(*holdings.ALL)
