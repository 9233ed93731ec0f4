from django.urls import path

from apps.experiments import views

urlpatterns = [
    path("quality/", views.quality, name="quality"),
    path("quality/leaderboard.md", views.as_markdown, name="quality-markdown"),
    path("quality/leaderboard.json", views.as_json, name="quality-json"),
]
