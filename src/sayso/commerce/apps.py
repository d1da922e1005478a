from django.apps import AppConfig


class CommerceConfig(AppConfig):
    name = "sayso.commerce"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sayso.contacts import apply as contacts
        from sayso.contacts import following
        from sayso.shops import personal

        from .apply import link_waiting
        from .holdings import ALL

        if link_waiting not in contacts.followers:
            contacts.followers.append(link_waiting)
        following.declare(following.moves("orders"), following.moves("abandoned_checkout"))
        personal.declare(*ALL)
