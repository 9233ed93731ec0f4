from django.apps import AppConfig


class RetrieversConfig(AppConfig):
    name = "apps.retrievers"
