from django.apps import AppConfig


class ConsentConfig(AppConfig):
    name = "sayso.consent"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sayso.contacts import apply
        from sayso.shops import personal

        from .exports import forget
        from .follow import contacts_applied

        if forget not in personal.outside:
            personal.outside.append(forget)

        if contacts_applied not in apply.followers:
            apply.followers.append(contacts_applied)
