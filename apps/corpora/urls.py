from django.urls import path

from apps.corpora import views

urlpatterns = [
    path("corpora/", views.corpora, name="corpora"),
    path("corpora/new", views.corpus_new, name="corpus-new"),
    path("corpora/<slug:slug>/edit", views.corpus_edit, name="corpus-edit"),
    path("corpora/<slug:slug>/delete", views.corpus_delete, name="corpus-delete"),
    path("documents/<int:pk>/", views.document, name="document"),
    path("documents/<int:pk>/file", views.document_file, name="document-file"),
    path("documents/<int:pk>/delete", views.document_delete, name="document-delete"),
]
