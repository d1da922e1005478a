from django.apps import AppConfig


class ShopifyConfig(AppConfig):
    name = "sayso.shopify"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sayso.contacts import following
        from sayso.shops import personal

        from . import compliance, handlers, live_days, webhooks  # noqa: F401 (they register themselves)
        from .holdings import ALL
        from .writeback import queue  # noqa: F401 (it registers itself)

        personal.declare(*ALL)
        following.declare(
            following.Following(
                "shopify_write_back", stays="What that customer of the store was told; the survivor is told anew."
            ),
            following.Following("sync_drift", stays="What was found to differ then, of that customer of the store."),
        )
