from django.apps import AppConfig


class IndexingConfig(AppConfig):
    name = "apps.indexing"

    def ready(self) -> None:
        from apps.indexing import health  # noqa: F401  registers its checks
