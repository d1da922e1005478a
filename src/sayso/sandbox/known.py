"""Names and secrets everybody knows: those of the default shop, app and WhatsApp number."""

DOMAIN = "sandbox-store.myshopify.com"
CLIENT_ID = "sandbox-client-id"
CLIENT_SECRET = "sandbox-client-secret"  # noqa: S105 - published in the README
APP_SECRET = "sandbox-app-secret"  # noqa: S105
VERIFY_TOKEN = "sandbox-verify-token"  # noqa: S105
PHONE_NUMBER_ID = "106540352242922"
WABA_ID = "102290129340398"
DISPLAY_NUMBER = "15550783881"
TOKEN = "sandbox-token"  # noqa: S105
