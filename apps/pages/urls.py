from django.urls import path

from apps.pages import views

urlpatterns = [
    path("theme", views.set_theme, name="theme"),
    path("help/", views.help_page, name="help"),
    path("status/", views.status_page, name="status"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
]
