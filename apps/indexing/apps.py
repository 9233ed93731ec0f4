from django.apps import AppConfig


class IndexingConfig(AppConfig):
    name = "apps.indexing"
