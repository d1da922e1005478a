from django.apps import AppConfig


class ChoicesConfig(AppConfig):
    name = "sayso.choices"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sayso.consent import links as registry

        from . import links

        registry.providers.update(
            confirmation=links.confirmation_url, preferences=links.preference_url, unsubscribe=links.unsubscribe_url
        )
