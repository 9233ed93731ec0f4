# Two images out of one file: `--target web` (Django, no ML packages) and `--target worker` (what has a model in it).
# The processes are those of `manage.py run`; compose.yaml starts each in a container of its own.

FROM python:3.11-slim AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    DMSEARCH_HOME=/var/lib/dmsearch MEDIA_ROOT=/srv/dmsearch/files STATIC_ROOT=/app/staticfiles
WORKDIR /app
RUN groupadd --gid 10001 dmsearch && useradd --uid 10001 --gid dmsearch --home-dir /var/lib/dmsearch --create-home dmsearch \
    && mkdir -p /srv/dmsearch/files && chown dmsearch:dmsearch /srv/dmsearch/files

FROM base AS web
COPY requirements/ requirements/
RUN pip install -r requirements/web.txt
COPY . .
# Any value will do: nothing that is collected depends on it.
RUN SECRET_KEY=for-this-step DATABASE_URL=postgres://nowhere/x REDIS_URL=redis://nowhere python manage.py collectstatic --no-input
USER dmsearch
# Where the counts of the web processes meet; gunicorn.conf.py makes and empties it at each start.
ENV PROMETHEUS_MULTIPROC_DIR=/tmp/metrics
EXPOSE 8000
# Asked by a name that is allowed: any other is refused.
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import os, urllib.request as web; host = os.environ.get('ALLOWED_HOSTS', '').split(',')[0].strip().lstrip('.*') or 'localhost'; web.urlopen(web.Request('http://127.0.0.1:8000/healthz', headers={'Host': host}))"]
CMD ["gunicorn", "dmsearch.wsgi:application", "--bind=0.0.0.0:8000", "--worker-class=gthread", "--workers=2", "--threads=8"]

FROM base AS worker
# Where pip finds torch: by default a CUDA build. For machines without a GPU pass the index of PyTorch's CPU builds.
ARG TORCH_INDEX=""
COPY requirements/ requirements/
RUN if [ -n "$TORCH_INDEX" ]; then pip install --index-url "$TORCH_INDEX" "$(grep -m1 '^torch==' requirements/worker.txt)"; fi \
    && pip install -r requirements/worker.txt
COPY . .
USER dmsearch
CMD ["celery", "-A", "workers.app", "worker", "-Q", "embed", "--pool=solo", "--loglevel=INFO"]
