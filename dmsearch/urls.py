from django.urls import include, path

urlpatterns = [
    path("", include("apps.search.urls")),
    path("", include("apps.corpora.urls")),
    path("", include("apps.indexing.urls")),
    path("", include("apps.ingestion.urls")),
    path("", include("apps.feedback.urls")),
    path("", include("apps.experiments.urls")),
    path("", include("apps.operations.urls")),
    path("", include("apps.accounts.urls")),
    path("", include("apps.pages.urls")),
]

handler400 = "apps.pages.errors.bad_request"
handler403 = "apps.pages.errors.permission_denied"
handler404 = "apps.pages.errors.not_found"
handler500 = "apps.pages.errors.server_error"
