from django.apps import AppConfig


class AudienceConfig(AppConfig):
    name = "sayso.audience"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sayso.contacts import following
        from sayso.shops import personal

        from . import assign, handlers  # noqa: F401 (they register themselves)
        from .holdings import ALL

        personal.declare(*ALL)
        following.declare(following.Following("group_member", assign.move_members, assign.give_back))
