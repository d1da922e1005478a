"""How the pages name states, kinds and codes: word and tone, once for all pages.

A tone is the class of a badge; the words always stand beside the colour.
"""

from __future__ import annotations

CONSENT = {
    "SUBSCRIBED": ("Subscribed", "good"),
    "PENDING": ("Awaiting confirmation", "calm wait"),
    "NOT_SUBSCRIBED": ("Not subscribed", "calm"),
    "UNSUBSCRIBED": ("Unsubscribed", "bad"),
    "UNKNOWN": ("Unknown", "calm"),
    "INVALID": ("Invalid address", "warn"),
    "REDACTED": ("Redacted", "mute"),
}

CONSENT_SHORT = CONSENT | {"PENDING": ("Awaiting", "calm wait"), "INVALID": ("Invalid", "warn")}

CONSENT_WORDS = {state: words for state, (words, _) in CONSENT.items()}

CONSENT_MEANING = {
    "SUBSCRIBED": "Opted in; marketing may be sent.",
    "PENDING": "Consent was given but not yet confirmed.",
    "NOT_SUBSCRIBED": "No opt-in on record.",
    "UNSUBSCRIBED": "Opted out; nothing is sent until the person opts in again.",
    "UNKNOWN": "No word on consent.",
    "INVALID": "The address does not work or cannot be verified.",
    "REDACTED": "Erased on a privacy request; permanent.",
}

CHANNELS = {"whatsapp": "WhatsApp", "sms": "SMS", "email": "E-mail"}

MESSAGE = {
    "QUEUED": ("Queued", "calm wait"),
    "SENDING": ("Sending", "info"),
    "SENT": ("Sent", "info"),
    "DELIVERED": ("Delivered", "good"),
    "READ": ("Read", "good"),
    "FAILED": ("Failed", "bad"),
    "SKIPPED": ("Skipped", "warn"),
    "UNCONFIRMED": ("Unconfirmed", "warn"),
    "RECEIVED": ("Received", "calm"),
}

CAMPAIGN = {
    "DRAFT": ("Draft", "calm"),
    "SCHEDULED": ("Scheduled", "calm wait"),
    "PENDING": ("Sending", "info"),
    "PAUSED": ("Paused", "warn"),
    "SENT": ("Sent", "good"),
    "PARTIALLY_SENT": ("Partially sent", "warn"),
    "FAILED": ("Failed", "bad"),
    "STOPPED": ("Stopped", "mute"),
}

ORDER = {
    "INITIALIZED": ("Placed", "calm"),
    "IN_PROGRESS": ("In progress", "info"),
    "DELIVERED": ("Delivered", "good"),
    "CANCELLED": ("Cancelled", "bad"),
}

CHECKOUT = {
    "OPEN": ("Open", "calm"),
    "ABANDONED": ("Abandoned", "warn"),
    "ORDERED": ("Ordered", "good"),
    "COMPLETED": ("Completed", "good"),
    "DELETED": ("Deleted", "mute"),
}

CONNECTION = {
    "CONNECTED": ("Connected", "good"),
    "REFUSED": ("Refused", "bad"),
    "RESTRICTED": ("Restricted", "warn"),
    "DISCONNECTED": ("Disconnected", "bad"),
    "UNINSTALLED": ("Uninstalled", "mute"),
    "NOT_STARTED": ("Not started", "calm"),
    "IN_PROGRESS": ("In progress", "info"),
    "COMPLETE": ("Complete", "good"),
    "ERROR": ("Failed", "bad"),
}

OUTCOME = {
    "ACCEPTED": ("Accepted", "good"),
    "NO_CHANGE": ("No change", "calm"),
    "REFUSED": ("Refused", "warn"),
}

OUTCOME_WORDS = {value: words for value, (words, _) in OUTCOME.items()}

TEMPLATE = {
    "APPROVED": ("Approved", "good"),
    "PENDING_APPROVAL": ("In review", "calm wait"),
    "PENDING": ("In review", "calm wait"),
    "REJECTED": ("Rejected", "bad"),
    "PAUSED": ("Paused", "warn"),
    "DISABLED": ("Disabled", "mute"),
    "DRAFT": ("Draft", "calm"),
}

PRIVACY = {
    "RECEIVED": ("Received", "calm wait"),
    "IN_PROGRESS": ("In progress", "info"),
    "DONE": ("Done", "good"),
    "FAILED": ("Failed", "bad"),
}

EXPORT = {
    "QUEUED": ("Waiting", "calm wait"),
    "RUNNING": ("Being written", "info"),
    "DONE": ("Ready", "good"),
    "FAILED": ("Failed", "bad"),
    "EXPIRED": ("Deleted", "mute"),
}

DELIVERY = {
    "NEW": ("Waiting", "info"),
    "DONE": ("Applied", "good"),
    "IGNORED": ("Ignored", "mute"),
    "PARKED": ("Parked", "bad"),
}

SYNC_OUTCOME = {"failed": ("Failed", "bad"), "invalid": ("Invalid", "warn"), "noted": ("Noted", "info")}

DELIVERY_WORDS = {state: text for state, (text, _) in DELIVERY.items()}

VOCABULARIES = {
    "export": EXPORT,
    "consent": CONSENT,
    "consent_short": CONSENT_SHORT,
    "message": MESSAGE,
    "campaign": CAMPAIGN,
    "order": ORDER,
    "checkout": CHECKOUT,
    "connection": CONNECTION,
    "outcome": OUTCOME,
    "template": TEMPLATE,
    "privacy": PRIVACY,
    "delivery": DELIVERY,
    "sync_outcome": SYNC_OUTCOME,
}

SOURCES = {
    "shopify": "Shopify",
    "whatsapp": "WhatsApp",
    "sms": "SMS",
    "email": "E-mail",
    "campaign": "Campaign",
    "shopify_sync": "Shopify sync",
    "shopify_checkout": "Shopify checkout",
    "guest_checkout": "Guest checkout",
    "staff": "Staff",
    "manual": "Staff",
    "api": "API",
    "import": "Import",
    "inbound": "Inbound message",
    "order": "Order",
    "form": "Form",
    "hosted_form": "Hosted form",
    "in_store_form": "In-store form",
    "preference_centre": "Preference page",
    "chat_widget": "Chat widget",
    "bis_widget": "Back-in-stock widget",
    "keyword": "Keyword reply",
    "stop_reply": "STOP reply",
    "unsubscribe_link": "Unsubscribe link",
    "double_opt_in": "Double opt-in",
    "meta_131050": "WhatsApp: person opted out",
    "meta_user_preferences": "WhatsApp marketing preferences",
    "sms_provider": "SMS provider",
    "email_bounce": "E-mail bounce",
    "email_complaint": "Spam complaint",
    "reconciliation": "Reconciliation",
    "redaction": "Privacy request",
    "privacy": "Privacy",
    "merge": "Merge",
    "inferred": "Inferred",
    "manual_import": "Import",
    "shopify_guest": "Guest checkout",
    "address": "Address",
    "suppression": "Suppressed address",
}

CONSENT_EVENTS = {
    "SHOP_SUBSCRIBED": "Subscribed in Shopify",
    "SHOP_PENDING": "Pending in Shopify",
    "SHOP_NOT_SUBSCRIBED": "Not subscribed in Shopify",
    "SHOP_UNSUBSCRIBED": "Unsubscribed in Shopify",
    "SHOP_INVALID": "Invalid in Shopify",
    "OPT_IN": "Opted in",
    "OPT_IN_UNCONFIRMED": "Opted in, to be confirmed",
    "CONFIRM": "Confirmed",
    "PENDING_EXPIRED": "Confirmation ran out",
    "RESUME": "Resumed marketing",
    "CHAT_START": "Started a chat",
    "IMPORT_WITH_PROOF": "Imported with proof",
    "STAFF_WITH_PROOF": "Recorded by staff with proof",
    "API_WITH_PROOF": "Recorded through the API with proof",
    "INFERRED": "Inferred",
    "INFERRED_WITHDRAWN": "Inferred consent withdrawn",
    "OPT_OUT": "Opted out",
    "SUPPRESSED_ADDRESS": "Address was opted out before",
    "ADDRESS_INVALID": "Address found invalid",
    "ADDRESS_CHANGED": "Address changed",
    "ADDRESS_PROVEN": "Address proved to work",
    "REDACT": "Redacted",
    "MERGE": "Merged",
    "TOPIC_ON": "Topic chosen",
    "TOPIC_OFF": "Topic declined",
    "EVIDENCE": "Evidence added",
}

REFUSALS = {
    "STALE": "An opt-out newer than this opt-in stands.",
    "ADDRESS_INVALID": "The address does not work, so an opt-in for it does not count.",
    "OPT_OUT_STANDS": "The person opted out; only their own opt-in can lift that.",
    "NEEDS_CUSTOMER_OPT_IN": "After an opt-out only the customer can opt in again.",
    "AWAITS_CUSTOMER": "The customer has been asked to confirm; only they can answer.",
    "NOT_PENDING": "Nothing was waiting to be confirmed.",
    "TOKEN_EXPIRED": "The confirmation came later than seven days.",
    "FUTURE_TIME": "The opt-in claims a time that has not come yet.",
    "NO_ADDRESS": "The contact had no address to agree for.",
    "OTHER_ADDRESS": "The opt-in was for another address than the contact has now.",
    "ADDRESS_MISMATCH": "The opt-in was for another address than the contact has now.",
    "REDACTED": "The contact was erased on a privacy request; nothing can be recorded.",
}

ACTORS = {
    "customer": "Customer",
    "staff": "Staff",
    "system": "sayso",
    "shop": "Shopify",
    "provider": "Provider",
}

EVENTS = {
    "contact.created": "Contact created",
    "contact.updated": "Contact changed",
    "contact.deleted": "Contact deleted",
    "contact.redacted": "Contact redacted",
    "contact.merged": "Contact merged",
    "contact.parted": "Merge undone",
    "order.created": "Order placed",
    "order.updated": "Order changed",
    "order.cancelled": "Order cancelled",
    "order.fulfilled": "Order shipped",
    "order.deleted": "Order deleted in Shopify",
    "checkout.abandoned": "Checkout abandoned",
    "segment.entered": "Joined a segment",
    "segment.left": "Left a segment",
    "consent.confirmation_requested": "Asked to confirm",
    "message.created": "Message received",
    "message.status_changed": "Message status changed",
    "campaign.launched": "Campaign launched",
    "campaign.stopped": "Campaign stopped",
    "consent.inferred_confirmed": "Owner confirmed that inferring consent is lawful",
    "suppression.opt_out_added": "Addresses suppressed",
    "suppression.local_added": "Addresses blocked",
    "suppression.local_ended": "Block of an address ended",
    "export.created": "Exported",
    "delivery.opened": "Opened what was delivered",
    "delivery.replayed": "Had parked deliveries tried again",
    "sync.started": "Started an import",
    "sync.resumed": "Resumed an import",
    "export.downloaded": "Export downloaded",
    "settings.changed": "Settings changed",
    "staff.role_changed": "Role of a member of the team changed",
    "staff.token_created": "API token made",
    "staff.token_revoked": "API token revoked",
    "privacy.requested": "Privacy request",
    "privacy.decided": "Decision about a privacy request",
    "privacy.done": "Privacy request done",
    "privacy.package_downloaded": "Access package downloaded",
    "retention.applied": "Retention periods enforced",
    "form.submitted": "Form handed in",
    "form.changed": "Form changed",
    "form.published": "Form published",
    "form.closed": "Form closed",
    "kiosk.opened": "Kiosk opened",
    "topic.changed": "Topic changed",
    "wording.added": "Wording added",
    "preferences.feedback": "Said why they left",
    "subscribeFromAPI": "Subscribed through the API",
    "subscribeUpdateFromAPI": "Subscribed again through the API",
}

ORIGINS = {
    "CAMPAIGN": "Campaign",
    "AUTOMATION": "Automation",
    "BACK_IN_STOCK": "Back in stock",
    "INBOX": "Inbox",
    "SYSTEM": "Notice",
}

CATEGORIES = {"MARKETING": "Marketing", "UTILITY": "Utility", "AUTHENTICATION": "Authentication"}

GRANTS = {"client_credentials": "Client id and secret", "authorization_code": "Permission given in Shopify"}

IDENTITIES = {
    "wa_id": "WhatsApp id",
    "bsuid": "WhatsApp user id",
    "contact_key": "Contact key",
    "phone": "Phone",
    "email": "E-mail",
}

IMPORTS = {
    "customers": "Customers",
    "orders": "Orders",
    "products": "Products",
    "collections": "Collections",
    "segments": "Segments",
    "live": "Live changes",
}

OF_STORE = {
    "customers": "Customer",
    "orders": "Order",
    "products": "Product",
    "collections": "Collection",
    # as the keys of deliveries begin
    "customer": "Customer",
    "order": "Order",
    "checkouts": "Checkout",
    "segments": "Segment",
    "inventory_levels": "Stock of item",
    "app": "App",
}
"""One thing of the store, before its id."""

SHOPIFY_STATES = {
    "DISABLED": "without an account in the store",
    "INVITED": "invited to an account in the store",
    "ENABLED": "with an account in the store",
    "DECLINED": "declined an account in the store",
}
"""What Shopify calls the state of a customer is that of the account in the store, which most people never make."""

GROUP_KINDS = {
    "LIST": "List",
    "DYNAMIC": "Segment",
    "CATEGORY": "Topic",
    "SHOPIFY_SEGMENT": "Shopify segment",
    "SHOPIFY_TAG": "Shopify tag",
    "SHOPIFY_GUESTS": "Shopify guests",
}

TRIGGERS = {
    "initial": "First import",
    "manual": "Import",
    "reconcile": "Reconciliation",
    "live": "Day of live sync",
    "dry_run": "Dry run",
}

SYNC_PROBLEMS = {
    "UNREADABLE": "The line could not be read",
    "REFUSED_VALUE": "It holds a value that cannot be stored",
    "NO_ADDRESS": "No e-mail address and no phone number",
    "IMPOSSIBLE_PHONE": "The phone number cannot be one, and there is no e-mail address",
    "PHONE_LEFT_OUT": "The phone number cannot be one; the e-mail address is used",
    "CONSENT_REFUSED": "A consent was refused",
}

SYNC_OUTCOMES = {
    "failed": "Nothing was kept",
    "invalid": "Kept, cannot be reached",
    "noted": "Kept",
}

PROVIDERS = {"shopify": "Shopify", "whatsapp": "WhatsApp"}

ROLES = {"owner": "Owner", "admin": "Admin", "viewer": "Viewer"}

BASES = {
    "EXPLICIT": "explicit opt-in",
    "DOUBLE_OPT_IN": "double opt-in",
    "IMPORTED": "imported with proof",
    "MANUAL": "recorded with proof",
    "INFERRED": "inferred",
}


SUPPRESSIONS = {
    "OPT_OUT": "Opted out",
    "COMPLAINT": "Complained of spam",
    "LOCAL": "Blocked by the shop",
    "REDACTED": "Erased on a privacy request",
}

SUPPRESSION_MEANING = {
    "OPT_OUT": "Whoever holds the address gets no marketing until they opt in again themselves.",
    "COMPLAINT": "As an opt-out; the provider reported a complaint.",
    "LOCAL": "Nothing is sent there, until the block is ended here.",
    "REDACTED": "Only a confirmed opt-in by the person makes it usable again.",
}


def sentence(code: str) -> str:
    """``SOME_CODE`` or ``some.kind`` as words, for what no vocabulary names."""
    words = code.replace("_", " ").replace(".", " ").strip().lower()
    return words[:1].upper() + words[1:]
