"""How access packages end: with their time, and with the erasure of whom they are about."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet
from django.utils import timezone

from sayso.contacts.models import Contact

from .models import PackagePart, PrivacyRequest


def expire() -> int:
    """Remove packages past their time; the request stays and says when it was. Answers how many."""
    return _remove(_kept().filter(package_expires_at__lte=timezone.now()))


def forget(contact_ids: Iterable[int]) -> int:
    """Remove the packages about these contacts that were handed over; answers how many. One that nobody has taken yet stays
    for its time: the person who had themself erased may have asked for it before."""
    return _remove(_handed_over().filter(contact_ids__overlap=list(contact_ids)))


def forget_the_erased() -> int:
    """The same for those that were taken after somebody in them was erased."""
    about = {one for ids in _handed_over().values_list("contact_ids", flat=True) for one in ids}
    return forget(Contact.objects.filter(pk__in=about, redacted_at__isnull=False).values_list("pk", flat=True))


def _kept() -> QuerySet[PrivacyRequest]:
    return PrivacyRequest.objects.filter(package_size__isnull=False)


def _handed_over() -> QuerySet[PrivacyRequest]:
    return _kept().filter(downloaded_at__isnull=False)


def _remove(packages: QuerySet[PrivacyRequest]) -> int:
    gone = list(packages.values_list("pk", flat=True))
    PackagePart.objects.filter(request_id__in=gone).delete()
    PrivacyRequest.objects.filter(pk__in=gone).update(package_size=None)
    return len(gone)
