from django.urls import path

from apps.corpora import correction_views, views

urlpatterns = [
    path("corpora/", views.corpora, name="corpora"),
    path("corpora/new", views.corpus_new, name="corpus-new"),
    path("corpora/<slug:slug>/edit", views.corpus_edit, name="corpus-edit"),
    path("corpora/<slug:slug>/delete", views.corpus_delete, name="corpus-delete"),
    path("documents/<int:pk>/", views.document, name="document"),
    path("documents/<int:pk>/file", views.document_file, name="document-file"),
    path("documents/<int:pk>/pages/<int:number>/", views.document_page, name="document-page"),
    path("documents/<int:pk>/pages/<int:number>/picture", views.page_picture, name="page-picture"),
    path("passages/<int:pk>/around", views.passage_around, name="passage-around"),
    path("documents/<int:pk>/correct", correction_views.document_correct, name="document-correct"),
    path("documents/<int:pk>/copies", correction_views.document_copies, name="document-copies"),
    path("corrections/<uuid:act>/undo", correction_views.correction_undo, name="correction-undo"),
    path("documents/<int:pk>/delete", views.document_delete, name="document-delete"),
]
