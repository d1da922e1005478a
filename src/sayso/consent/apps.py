from django.apps import AppConfig


class ConsentConfig(AppConfig):
    name = "sayso.consent"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sayso.contacts import apply, following, merge
        from sayso.shops import personal

        from .exports import forget
        from .follow import contacts_applied
        from .merging import join, part

        if forget not in personal.outside:
            personal.outside.append(forget)

        if contacts_applied not in apply.followers:
            apply.followers.append(contacts_applied)
        if join not in merge.joined:
            merge.joined.append(join)
            merge.parted.append(part)
        following.declare(
            following.Following("consent_state", stays="United by the MERGE entry: sql/25_unite.sql."),
            following.Following("topic_choice", stays="United by the MERGE entry: sql/25_unite.sql."),
            following.Following("consent_ledger", stays="Append-only; proofs reach it through the merge."),
        )
