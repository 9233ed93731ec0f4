from django.apps import AppConfig


class PagesConfig(AppConfig):
    name = "apps.pages"

    def ready(self) -> None:
        from apps.pages import servers  # noqa: F401  registers them
