from django.apps import AppConfig


class RetrieversConfig(AppConfig):
    name = "apps.retrievers"

    def ready(self) -> None:
        from apps.retrievers import checks  # noqa: F401  registers them
