from django.apps import AppConfig


class AudienceConfig(AppConfig):
    name = "sayso.audience"
