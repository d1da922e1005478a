from django.apps import AppConfig


class ChoicesConfig(AppConfig):
    name = "sayso.choices"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sayso.consent import links as registry
        from sayso.contacts import following
        from sayso.shops import personal

        from . import holdings, links

        personal.declare(*holdings.ALL)
        following.declare(following.moves("unsubscribe_feedback"))

        registry.providers.update(
            confirmation=links.confirmation_url, preferences=links.preference_url, unsubscribe=links.unsubscribe_url
        )
