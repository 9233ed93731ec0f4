import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dmsearch.settings")

application = get_wsgi_application()

from dmsearch import urls  # noqa: E402, F401 - with all views behind them: Django would load them with the first request

# What is there by now stays. Looking through it for garbage held up one search in ten for 70 ms.
gc.collect()
gc.freeze()
