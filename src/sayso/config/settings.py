"""Django's settings. What an operator may change comes from the environment, see :mod:`sayso.config.environment`."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from . import environment
from .postgres import APP, OWNER, EmbeddedPostgres

SECRET_KEY = environment.secret_key()
DATA_DIR = environment.data_dir()  # for what rooms keep in files: signing keys, exports
SECRET_KEY_FALLBACKS = [key for key in environment.get("SAYSO_SECRET_KEY_FALLBACKS").split(",") if key]
DEBUG = False
PUBLIC_URL = environment.get("SAYSO_URL").rstrip("/")
_public = urlsplit(PUBLIC_URL)
_https = _public.scheme == "https"
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *([_public.hostname] if _public.hostname else [])]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []

INSTALLED_APPS = [
    "sayso.ui",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "procrastinate.contrib.django",
    "sayso.shops",
    "sayso.events",
    "sayso.intake",
    "sayso.contacts",
    "sayso.commerce",
    "sayso.consent",
    "sayso.audience",
    "sayso.messaging",
    "sayso.choices",
    "sayso.privacy",
    "sayso.campaigns",
    "sayso.shopify",
    "sayso.api",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "sayso.ui.middleware.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "sayso.shops.middleware.ShopMiddleware",
    "sayso.api.middleware.ApiMiddleware",
]

ROOT_URLCONF = "sayso.config.urls"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "sayso.ui.context.shell",
            ],
        },
    }
]


def _database(parameters: dict[str, Any]) -> dict[str, Any]:
    """Connection parameters in libpq's names as Django wants them."""
    named = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    database: dict[str, Any] = {django: parameters.get(libpq, "") for libpq, django in named.items()}
    rest = {name: value for name, value in parameters.items() if name not in named}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **database,
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": rest,
    }


# `default` is the application's role, the only one that serves requests; `owner` migrates and nothing else.
if environment.get("DATABASE_URL"):
    EMBEDDED_POSTGRES = None
    DATABASES = {"default": _database(conninfo_to_dict(environment.get("DATABASE_URL")))}
    if environment.get("DATABASE_OWNER_URL"):
        DATABASES["owner"] = _database(conninfo_to_dict(environment.get("DATABASE_OWNER_URL")))
else:
    EMBEDDED_POSTGRES = EmbeddedPostgres(environment.data_dir())
    DATABASES = {
        "default": _database(EMBEDDED_POSTGRES.parameters(APP)),
        "owner": _database(EMBEDDED_POSTGRES.parameters(OWNER)),
    }

AUTH_USER_MODEL = "shops.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
ACCOUNT_ADAPTER = "sayso.shops.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key"}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _https
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
INSTALLED_APPS += ["django.forms"]

DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 2**20  # a bulk call of the API, see sayso.api.middleware

STATIC_URL = "/static/"
STATIC_ROOT = environment.data_dir() / "static"
WHITENOISE_USE_FINDERS = True  # served from the checkout: no collect step between a clone and a page
WHITENOISE_AUTOREFRESH = False

# The cache holds rate limits and what was used once; being in the database, they hold for all processes. Above the most
# entries Django throws a third away, whatever it guards: at 300, its default, a crowd would lift the limits.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 200_000},
    }
}

SHOPIFY_URL = environment.get("SAYSO_SHOPIFY_URL", "https://{shop}")
SHOPIFY_API_VERSION = "2026-10"
META_URL = environment.get("SAYSO_META_URL", "https://graph.facebook.com")
META_API_VERSION = "v26.0"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "sayso.config.logs.Line", "format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    # The roots of checkpoints belong into the log: there they stand outside the database.
    "loggers": {"sayso.consent.ledger.checkpoint": {"level": "INFO"}},
}
