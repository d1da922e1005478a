from django.apps import AppConfig


class ShopifyConfig(AppConfig):
    name = "sayso.shopify"
    default_auto_field = "django.db.models.BigAutoField"
