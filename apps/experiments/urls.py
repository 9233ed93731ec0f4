from django.urls import path

from apps.experiments import runs_views, views

urlpatterns = [
    path("quality/", views.quality, name="quality"),
    path("quality/leaderboard.md", views.as_markdown, name="quality-markdown"),
    path("quality/leaderboard.json", views.as_json, name="quality-json"),
    path("quality/compare/", views.compare, name="compare-runs"),
    path("quality/own/", views.own_start, name="own-measurement-start"),
    path("quality/own/<int:pk>/", views.own, name="own-measurement"),
    path("runs/", runs_views.runs, name="runs"),
    path("runs/estimate/", runs_views.estimate, name="run-estimate"),
    path("runs/<int:pk>/", runs_views.run, name="run"),
    path("runs/<int:pk>/data.zip", runs_views.data, name="run-data"),
    path("runs/<int:pk>/train/", runs_views.train, name="run-train"),
    path("runs/<int:pk>/cancel/", runs_views.cancel, name="run-cancel"),
    path("runs/<int:pk>/retry/", runs_views.retry, name="run-retry"),
]
