from django.urls import path

from apps.indexing import views

urlpatterns = [
    path("indexes/", views.indexes, name="indexes"),
    path("indexes/new", views.new_index, name="index-new"),
    path("indexes/rollback", views.roll_back, name="index-rollback"),
    path("indexes/<int:pk>/", views.index, name="index"),
    path("indexes/<int:pk>/shadow", views.shadow, name="index-shadow"),
    path("indexes/<int:pk>/<slug:name>", views.act, name="index-act"),
]
