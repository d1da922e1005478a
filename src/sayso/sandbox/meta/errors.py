"""Error answers of the Cloud API. Codes and titles are Meta's; HTTP statuses as in its reference."""

import hashlib
from typing import Any

TITLES = {
    0: "AuthException",
    100: "Invalid parameter",
    130429: "Rate limit hit",
    131000: "Something went wrong",
    131005: "Access denied",
    131008: "Required parameter is missing",
    131009: "Parameter value is not valid",
    131016: "Service unavailable",
    131026: "Message undeliverable",
    131031: "Account has been locked",
    131042: "Business eligibility payment issue",
    131047: "Re-engagement message",
    131048: "Spam rate limit hit",
    131049: "This message was not delivered to maintain healthy ecosystem engagement.",
    131050: "Unable to deliver the message. This recipient has chosen to stop receiving marketing messages on "
    "WhatsApp from your business",
    131051: "Unsupported message type",
    131056: "(Business Account, Consumer Account) pair rate limit hit",
    132000: "Template Param Count Mismatch",
    132001: "Template does not exist",
    132015: "Template is Paused",
    132016: "Template is Disabled",
    190: "Invalid OAuth access token",
}
_STATUS = {0: 401, 190: 401, 131005: 403, 131031: 403, 131000: 500, 131016: 503, 132001: 404}


class Failure(Exception):
    """A send that Meta refuses with `code`."""

    def __init__(self, code: int, details: str) -> None:
        super().__init__(details)
        self.code, self.details = code, details

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return _STATUS.get(self.code, 400)

    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        title = TITLES.get(self.code, "Error")
        return {
            "error": {
                "message": f"(#{self.code}) {title}",
                "type": "OAuthException",
                "code": self.code,
                "error_data": {"messaging_product": "whatsapp", "details": self.details},
                "fbtrace_id": "A" + hashlib.sha256(self.details.encode()).hexdigest()[:22],
            }
        }


def in_status(code: int) -> dict[str, Any]:
    """The entry of `errors[]` in a failed status."""
    title = TITLES.get(code, "Error")
    return {
        "code": code,
        "title": title,
        "message": title,
        "error_data": {"details": title},
        "href": "/documentation/business-messaging/whatsapp/support/error-codes",
    }
