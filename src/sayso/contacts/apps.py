from django.apps import AppConfig


class ContactsConfig(AppConfig):
    name = "sayso.contacts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sayso.shops import personal

        from . import following, holdings

        personal.declare(*holdings.ALL)
        following.declare(
            following.Following("identity", stays="The merge itself moves them: sql/30_merge.sql."),
            following.Following("address_status", stays="The merge itself moves them: sql/30_merge.sql."),
            following.Following(
                "event", stays="The log says what happened to whom then; the survivor's page reads both."
            ),
        )
