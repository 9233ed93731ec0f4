from django.apps import AppConfig


class IngestionConfig(AppConfig):
    name = "apps.ingestion"

    def ready(self) -> None:
        from apps.ingestion import health  # noqa: F401  registers its checks
