from django.apps import AppConfig


class ShopifyConfig(AppConfig):
    name = "sayso.shopify"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import webhooks  # noqa: F401 (registers the provider)
