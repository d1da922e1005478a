from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "sayso.messaging"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sayso.contacts import following

        from . import handlers, merging, replies, webhooks  # noqa: F401 (register the provider, what it delivers, what is answered)

        following.declare(*merging.ALL)
