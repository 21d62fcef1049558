"""The web project's settings: one file, read from the node's data folder.

`TANDEM_DIR` names the data folder of the node this process belongs to. Without it (makemigrations,
type checks, tests) a throw-away folder under `var/` serves, with a key made on the spot: nothing
that listens to a network may start that way, and `manage.py node run` does not.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from redundancy import identity

BASE_DIR = Path(__file__).resolve().parent.parent
NODE_DIR = Path(os.environ.get("TANDEM_DIR", str(BASE_DIR / "var" / "unset")))
IDENTITY = identity.load(NODE_DIR) if "TANDEM_DIR" in os.environ else None
NODE = IDENTITY.node if IDENTITY else None

DEBUG = False
SECRET_KEY = IDENTITY.secret_key if IDENTITY else secrets.token_hex(32)

# Cookies ignore ports, so a plant on one machine needs names of its own for each gateway; the two
# nodes of a pair share name and key, so a sign-in holds on both.
_GATEWAY = "".join(c if c.isalnum() else "-" for c in NODE.gateway.lower()) if NODE else "unset"
SESSION_COOKIE_NAME = f"tandem-{_GATEWAY}-session"
CSRF_COOKIE_NAME = f"tandem-{_GATEWAY}-csrf"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_ENGINE = "hmi.people.sessions"

# The addresses at which browsers find the two nodes of this pair.
NODE_URLS = [] if NODE is None else [NODE.url, *([NODE.peer.url] if NODE.peer else [])]
_SECURE = bool(NODE_URLS) and all(url.startswith("https://") for url in NODE_URLS)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _SECURE
_HOSTS = {urlsplit(url).hostname or "" for url in NODE_URLS}
ALLOWED_HOSTS = sorted(_HOSTS | {"127.0.0.1", "localhost", "[::1]"})
CSRF_TRUSTED_ORIGINS = NODE_URLS
LIVE_ORIGINS = NODE_URLS

INSTALLED_APPS = [
    "daphne",
    "hmi.people.admin_config.TandemAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "axes",
    "django_htmx",
    "ninja",
    "hmi.gateways",
    "hmi.tags",
    "hmi.dashboards",
    "hmi.replication",
    "hmi.people",
    "hmi.adapter",
    "hmi.history",
    "hmi.live",
    "hmi.pages",
    "hmi.node",
    "hmi.plant",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "hmi.pages.headers.SecurityHeaders",
    "hmi.people.sessions.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    "hmi.people.standby.ReadOnlyOnStandby",
]

ROOT_URLCONF = "hmi.urls"
ASGI_APPLICATION = "hmi.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "hmi.pages.context.strip",
            ]
        },
    }
]


def _sqlite(name: str) -> dict[str, object]:
    return {
        "ENGINE": "hmi.database",
        "NAME": NODE_DIR / name,
        "OPTIONS": {
            # Writers queue up instead of failing half-way: every transaction takes its lock at once.
            "transaction_mode": "IMMEDIATE",
            "timeout": 5,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
        },
        "TEST": {"NAME": ":memory:"},
    }


# Configuration, people, audit and the ledger that the pair exchanges are one file; samples are another,
# so that a burst of history never delays an edit.
DATABASES = {
    "default": _sqlite("config.db"),
    # On its own in tests too: it needs nothing of the other.
    "history": _sqlite("history.db") | {"TEST": {"NAME": ":memory:", "DEPENDENCIES": []}},
}
DATABASE_ROUTERS = ["hmi.history.router.HistoryRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = os.environ.get("REDIS_URL", f"unix://{NODE_DIR / 'redis.sock'}")

AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
CSRF_FAILURE_VIEW = "hmi.pages.errors.csrf_failed"
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Served straight from the packages: no copying step, and a plant needs no network.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 64_000_000
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008"]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {name: {"level": "WARNING"} for name in ("django.server", "daphne", "axes")},
}
