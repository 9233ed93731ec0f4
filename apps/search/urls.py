from django.urls import path

from apps.search import views

urlpatterns = [
    path("", views.search, name="search"),
    path("search.json", views.search_json, name="search-json"),
]
