from django.apps import AppConfig


class SearchConfig(AppConfig):
    name = "apps.search"

    def ready(self) -> None:
        from apps.indexing.switching import before_live
        from apps.search import health  # noqa: F401  registers its check
        from apps.search.shadow import make_ready

        before_live.append(make_ready)
