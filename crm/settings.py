"""Settings for every profile.

`LOTSE_PROFILE` chooses one of three: *local* (`make run`: loopback hosts, plain HTTP), *test*, and *production* (HTTPS,
`__Host-` cookies, second factor for administrators). What is secret or differs between machines comes from the environment;
`docs/deploy.md` lists it.
"""

import os
import secrets
import sys
import tempfile
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

PROFILE = env.str("LOTSE_PROFILE", "test" if "pytest" in sys.modules else "local")
if PROFILE not in {"local", "test", "production"}:
    raise ImproperlyConfigured(f"LOTSE_PROFILE is local, test or production, not {PROFILE!r}.")
PRODUCTION = PROFILE == "production"
DEBUG = False

# Everything the running product writes lies here; it is ignored by git.
VAR_DIR = Path(env.str("LOTSE_VAR", str(BASE_DIR / "var")))


def secret_key():
    """Return the key from the environment or from a file only its owner may read, made once."""
    if key := env.str("SECRET_KEY", ""):
        return key
    if PRODUCTION:
        raise ImproperlyConfigured("SECRET_KEY is not set.")
    VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = VAR_DIR / "secret_key"
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(60))
    return path.read_text()


SECRET_KEY = secret_key()
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])

# --- Who may reach us -------------------------------------------------------------------------------------------------
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[] if PRODUCTION else ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
BASE_URL = env.str("BASE_URL", "http://127.0.0.1:8000")
if PRODUCTION:
    if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
        raise ImproperlyConfigured("ALLOWED_HOSTS must name the hosts, without '*'.")
    if not BASE_URL.startswith("https://"):
        raise ImproperlyConfigured("BASE_URL must begin with https:// in production.")
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
    SECURE_HSTS_SECONDS = 63_072_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = env.bool("HSTS_PRELOAD", True)

# --- Apps -------------------------------------------------------------------------------------------------------------
# From the ground floor up.
LOTSE_APPS = ["crm", "leads", "activities", "sales", "selections", "dashboards", "capture", "exchange"]
INSTALLED_APPS = [
    *LOTSE_APPS,
    "crm.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "django_htmx",
    "django_countries",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
]
MIDDLEWARE = [
    "crm.web.middleware.RequestId",
    # First of all what adds headers: redirects to HTTPS, static files and errors carry them, too.
    "csp.middleware.CSPMiddleware",
    "crm.web.middleware.Headers",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "crm.web.middleware.BadInput",
    "crm.web.middleware.Public",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "crm.web.middleware.SignedIn",
    "crm.web.middleware.Preferences",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "crm.web.middleware.SecondFactor",
    "crm.web.middleware.Again",
]
# What strangers open: forms, the script for other websites, links to unsubscribe. There are no sessions and no cookies there.
PUBLIC_PATHS = ("/f/", "/u/")
ROOT_URLCONF = "crm.urls"
WSGI_APPLICATION = "crm.wsgi.application"
AUTH_USER_MODEL = "crm.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Templates: Jinja2 for our pages, the admin site among them; Django's for what packages bring (docs/decisions/0011) ---
CONTEXT_PROCESSORS = ["crm.web.context.page", "django.contrib.messages.context_processors.messages"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "NAME": "jinja2",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {"environment": "crm.web.jinja.environment", "context_processors": CONTEXT_PROCESSORS},
    },
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "NAME": "django",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                *CONTEXT_PROCESSORS,
            ]
        },
    },
]
FORM_RENDERER = "crm.web.forms.LotseRenderer"

# --- Data -------------------------------------------------------------------------------------------------------------
DATABASES = {"default": env.db("DATABASE_URL", f"sqlite:///{VAR_DIR / 'lotse.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # IMMEDIATE: a transaction that writes takes the write lock at its start, or it fails at once with "locked".
    # FULL: an acknowledged commit survives a power cut. See docs/decisions/0003-two-databases.md.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-64000;"
        " PRAGMA temp_store=MEMORY; PRAGMA mmap_size=1073741824;",
    }
    # A file, as in real life: threads and worker processes of a test share it, with the same locks.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(tempfile.gettempdir()) / f"lotse-test-{os.getpid()}.sqlite3")}
else:
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
    DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", 60)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = env.bool("PGBOUNCER", False)
    DATABASES["default"]["OPTIONS"].setdefault(
        "options",
        # Tables and indexes of this size lie in memory or on an SSD: by the default of 4, made for turning disks, a rep's few follow-ups
        # would be held against all persons, read into a hash.
        "-c statement_timeout=15s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s -c jit=off -c random_page_cost=1.1",
    )
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "crm_cache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}
MEDIA_ROOT = VAR_DIR / "media"
FILE_UPLOAD_PERMISSIONS = 0o640
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o750
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000

# --- Languages and time -----------------------------------------------------------------------------------------------
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_USER_TIME_ZONE = env.str("DEFAULT_TIME_ZONE", "Europe/Berlin")
USE_I18N = True
LANGUAGE_CODE = env.str("LANGUAGE_CODE", "en")
LANGUAGES = [("de", "Deutsch"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]

# --- Files for the browser --------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if PROFILE == "test"
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
# Tests have not collected them; each test client is a server of its own, which must not look through them all first.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = PROFILE == "test"

# --- Signing in -------------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["crm.web.accounts.Backend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
if PROFILE == "test":
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
PASSWORD_RESET_TIMEOUT = 3600
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "crm.web.accounts.AccountAdapter"
ACCOUNT_FORMS = {"reset_password": "crm.web.accounts.ResetPasswordForm"}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key", "login": "60/m/ip", "reset_password": "20/m/ip,5/m/key"}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Lotse"
MFA_ADAPTER = "crm.web.accounts.MfaAdapter"
# Administrators sign in with a second factor; the local profile, on one's own machine, does without (settled 21).
SECOND_FACTOR_FOR_ADMINISTRATORS = env.bool("SECOND_FACTOR_FOR_ADMINISTRATORS", PRODUCTION)
# The number of proxies in front of us that add to X-Forwarded-For; anything beyond them is the client's own claim.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 1 if PRODUCTION else 0)
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES

SESSION_COOKIE_AGE = 7 * 24 * 3600
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_NAME = "__Host-session" if PRODUCTION else "lotse_session"
CSRF_COOKIE_NAME = "__Host-csrf" if PRODUCTION else "lotse_csrf"
CSRF_FAILURE_VIEW = "crm.web.errors.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# --- What a browser may do with our pages -----------------------------------------------------------------------------
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        **({"upgrade-insecure-requests": True} if PRODUCTION else {}),
    }
}

# --- The API ----------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["crm.api_basics.TokenAuthentication", "crm.api_basics.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["crm.api_basics.Throttle"],
    "DEFAULT_THROTTLE_RATES": {"user": env.str("API_RATE", "3000/min")},
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "crm.api_basics.Pages",
    "EXCEPTION_HANDLER": "crm.api_basics.exception_handler",
    "NUM_PROXIES": TRUSTED_PROXIES,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Lotse API",
    "DESCRIPTION": "Lead management: companies, persons, their categories and lead statuses, follow-ups and sales.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "crm.api_schema.complete"],
}

# --- Money ------------------------------------------------------------------------------------------------------------
# What amounts are added up in, by its ISO code.
BASE_CURRENCY = env.str("BASE_CURRENCY", "EUR")
if len(BASE_CURRENCY) != 3 or not (BASE_CURRENCY.isascii() and BASE_CURRENCY.isupper()):
    raise ImproperlyConfigured(f"BASE_CURRENCY is a code like EUR, not {BASE_CURRENCY!r}.")

# --- Background work --------------------------------------------------------------------------------------------------
BIN_DAYS = env.int("BIN_DAYS", 14)  # R18
IMPORT_MAX_BYTES = env.int("IMPORT_MAX_BYTES", 100 * 1024 * 1024)
IMPORT_MAX_ROWS = env.int("IMPORT_MAX_ROWS", 1_000_000)

# Whether webhooks may go to this machine, to private networks, by plain HTTP and to any port: for trials, never in production.
WEBHOOKS_ANYWHERE = env.bool("WEBHOOKS_ANYWHERE", False)
if WEBHOOKS_ANYWHERE and PRODUCTION:
    raise ImproperlyConfigured("WEBHOOKS_ANYWHERE is for trials on one's own machine, not for production.")

# --- E-mail and logs --------------------------------------------------------------------------------------------------
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "Lotse <lotse@localhost>")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "crm.web.logs.JsonFormatter"},
        "plain": {"format": "%(levelname)s %(name)s: %(message)s"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json" if PRODUCTION else "plain"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "WARNING")},
    "loggers": {"lotse": {"level": "INFO"}},
}
# The demo shows its passwords on the sign-in page; only a local installation that loaded it does.
DEMO = PROFILE == "local" and env.bool("DEMO", True)
