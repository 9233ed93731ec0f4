"""All settings, read from the environment; `.env.example` lists what can be set."""

import os
import secrets
from pathlib import Path

import dj_database_url
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django_guid.integrations import CeleryIntegration

from dmsearch.embedded import Home

BASE_DIR = Path(__file__).resolve().parent.parent


def env_flag(name: str, *, default: bool) -> bool:
    return os.environ.get(name, str(default)).strip().lower() in {"1", "true", "yes", "on"}


def env_list(name: str) -> list[str]:
    return [part.strip() for part in os.environ.get(name, "").split(",") if part.strip()]


# -- State folder ------------------------------------------------------------------------
# Everything the product writes by itself: embedded servers, uploads, logs, the secret key.
STATE_DIR = Path(os.environ.get("DMSEARCH_HOME", BASE_DIR / ".dmsearch")).resolve()
HOME = Home(STATE_DIR)
os.environ["DMSEARCH_HOME"] = str(STATE_DIR)  # what knows no Django, and every process we start, looks there too


def local_secret_key() -> str:
    """Return the key kept in the state folder, made at the first start: sessions survive restarts."""
    STATE_DIR.mkdir(parents=True, exist_ok=True)
    path = STATE_DIR / "secret-key"
    try:
        with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass  # the usual case: an earlier start wrote it
    return path.read_text()


# -- Security ------------------------------------------------------------------------------
DEBUG = env_flag("DEBUG", default=False)
SECRET_KEY = os.environ.get("SECRET_KEY") or local_secret_key()
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS") or ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
CSRF_FAILURE_VIEW = "apps.pages.errors.csrf_failure"

# HTTPS=true says that a TLS proxy stands in front; a laptop in the field has none.
HTTPS = env_flag("HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # a load balancer asks without TLS
SECURE_HSTS_SECONDS = int(os.environ.get("HSTS_SECONDS") or (31_536_000 if HTTPS else 0))
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    },
}

# -- Applications --------------------------------------------------------------------------
INSTALLED_APPS = [
    "apps.search",  # first: its `bench` takes the one of retrievers further
    "apps.pages",
    "apps.accounts",
    "apps.retrievers",
    "apps.corpora",
    "apps.indexing",
    "apps.ingestion",
    "apps.feedback",
    "apps.experiments",
    "apps.operations",
    "django_guid",
    "django_htmx",
    "template_partials",
    "csp",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
]
MIDDLEWARE = [
    "django_guid.middleware.guid_middleware",  # first: what the others log carries the request's id
    "apps.operations.middleware.MeasureMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.pages.middleware.OutageMiddleware",  # outside sessions: they need the database too
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "apps.accounts.middleware.LoginRequiredMiddleware",
    "apps.accounts.middleware.PasswordChangeMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "dmsearch.urls"
WSGI_APPLICATION = "dmsearch.wsgi.application"
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
                "csp.context_processors.nonce",
            ],
        },
    },
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- Servers: real ones by URL, embedded ones without ----------------------------------------
EMBEDDED_POSTGRES = not os.environ.get("DATABASE_URL")
EMBEDDED_VALKEY = not os.environ.get("REDIS_URL")

if EMBEDDED_POSTGRES:
    DATABASES = {"default": HOME.database_settings()}
else:
    DATABASES = {"default": dict(dj_database_url.config())}
    if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
        raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL server (postgres://…)")
# A web thread keeps its connection; one that the server closed is noticed and replaced.
DATABASES["default"]["CONN_MAX_AGE"] = 600
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 3)

CELERY_BROKER_URL = HOME.broker_url() if EMBEDDED_VALKEY else os.environ["REDIS_URL"]
REDIS_URL = HOME.redis_url(db=2) if EMBEDDED_VALKEY else os.environ["REDIS_URL"]
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "dmsearch",
    },
    # Pages of PDFs as pictures: on this host's disk, the oldest thrown away when there are too many.
    "page-pictures": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": STATE_DIR / "page-pictures",
        "TIMEOUT": 30 * 24 * 3600,
        "OPTIONS": {"MAX_ENTRIES": 5_000},  # at most 150 kB each
    },
}
# Sessions in the database: flushing Redis logs nobody out.
SESSION_ENGINE = "django.contrib.sessions.backends.db"

# -- Celery ------------------------------------------------------------------------------------
CELERY_ACCEPT_CONTENT = ["json"]  # pickle from an exposed broker would run anybody's code
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True  # truth lives in PostgreSQL, query vectors in a reply key
CELERY_TASK_ACKS_LATE = True  # every task is safe to run twice
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,  # longer than any task: they are cut to a minute or two
    "socket_timeout": 10,
    "socket_connect_timeout": 2,
    "retry_on_timeout": True,
}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 2, "interval_start": 0.1, "interval_max": 0.5}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(STATE_DIR / "beat-schedule")

# -- Retrieval -----------------------------------------------------------------------------------
# A card's name or a model's folder; "auto" takes DMRetriever-33M where its checkpoint is found, else the packaged model.
RETRIEVER = os.environ.get("RETRIEVER", "auto")
RETRIEVER_FOLDER = Path(folder) if (folder := os.environ.get("RETRIEVER_FOLDER")) else None
ENCODER_DEVICE = os.environ.get("ENCODER_DEVICE", "auto")
ENCODER_BACKEND = os.environ.get("ENCODER_BACKEND", "auto")
# A worker renews the lease of its batch while it works: the passages of one that died are free again after this.
EMBED_LEASE_S = float(os.environ.get("EMBED_LEASE_S", "30"))
# The same for a file that is read, and how often the scheduler asks what was left behind: a minute in all.
READ_LEASE_S = float(os.environ.get("READ_LEASE_S", "30"))
TEND_EVERY_S = float(os.environ.get("TEND_EVERY_S", "30"))
# The most memory that the building of a graph may take; 1,000,000 passages of 384 dims take 2 GB.
INDEX_BUILD_MEMORY_MB = int(os.environ.get("INDEX_BUILD_MEMORY_MB", "4096"))
# The language model that writes training examples, if there is one; prices are of a million tokens.
LLM_ENDPOINT = os.environ.get("LLM_ENDPOINT", "")
LLM_MODEL = os.environ.get("LLM_MODEL", "")
LLM_PROMPT_PRICE = float(os.environ.get("LLM_PROMPT_PRICE", "0"))
LLM_COMPLETION_PRICE = float(os.environ.get("LLM_COMPLETION_PRICE", "0"))
# How long a search waits for the encoder before it answers by words alone.
QUERY_TIMEOUT_S = float(os.environ.get("QUERY_TIMEOUT_S", "1.5"))

# -- Files ---------------------------------------------------------------------------------------
MEDIA_ROOT = Path(os.environ.get("MEDIA_ROOT", STATE_DIR / "files"))  # served by views only, never by URL
FILE_UPLOAD_TEMP_DIR = None
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
DATA_UPLOAD_MAX_NUMBER_FILES = 2000
UPLOAD_MAX_BYTES = int(os.environ.get("UPLOAD_MAX_MB", "512")) * 2**20  # a single file
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(os.environ.get("STATIC_ROOT", STATE_DIR / "staticfiles"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# -- People --------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "search"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = "UTC"  # operations run on Z; pages show local time on hover
USE_TZ = True

# -- Logs ----------------------------------------------------------------------------------------
# Every line carries the id of the request it belongs to, in the workers too: it travels with the tasks.
DJANGO_GUID = {
    "GUID_HEADER_NAME": "X-Request-ID",
    "RETURN_HEADER": True,
    "VALIDATE_GUID": True,  # a stranger's header may not write into our log
    "UUID_LENGTH": 16,
    "INTEGRATIONS": [CeleryIntegration(use_django_logging=True, log_parent=False, uuid_length=16)],
}
LOG_FORMAT = os.environ.get("LOG_FORMAT", "line")  # or "json", for a log collector
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "format": "{asctime} {levelname} [{correlation_id}] {name}: {message}",
            "style": "{",
            "defaults": {"correlation_id": "-"},
        },
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "{asctime}{levelname}{name}{message}{correlation_id}{process}",
            "style": "{",
            "rename_fields": {"asctime": "time", "levelname": "level", "correlation_id": "request_id"},
        },
    },
    "filters": {
        "one_line": {"()": "apps.pages.outages.OneLine"},
        "request_id": {"()": "django_guid.log_filters.CorrelationId", "correlation_id_field": "correlation_id"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT if LOG_FORMAT in {"line", "json"} else "line",
            "filters": ["one_line", "request_id"],
        },
    },
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO")},
    "loggers": {"django.request": {"level": "ERROR"}, "django_guid": {"level": "WARNING"}},
}

# -- Metrics ---------------------------------------------------------------------------------------
# /metrics answers whoever shows this token, and admins; without a token this machine itself, too.
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "")
