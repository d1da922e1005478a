from django.apps import AppConfig


class CommerceConfig(AppConfig):
    name = "sayso.commerce"
    default_auto_field = "django.db.models.BigAutoField"
