from django.urls import path

from apps.ingestion import correcting_views, views

urlpatterns = [
    path("corpora/<slug:slug>/", views.corpus, name="corpus"),
    path("corpora/<slug:slug>/upload", views.upload, name="upload"),
    path("corpora/<slug:slug>/correct", correcting_views.corpus_correct, name="corpus-correct"),
    path("bulk-corrections/<int:pk>/", correcting_views.bulk_correction, name="bulk-correction"),
    path("bulk-corrections/<int:pk>/retry", correcting_views.bulk_correction_retry, name="bulk-correction-retry"),
    path("bulk-corrections/<int:pk>/undo", correcting_views.bulk_correction_undo, name="bulk-correction-undo"),
    path("jobs/", views.jobs, name="jobs"),
    path("jobs/<int:pk>/", views.job, name="job"),
    path("jobs/<int:pk>/retry", views.job_retry, name="job-retry"),
    path("jobs/<int:pk>/cancel", views.job_cancel, name="job-cancel"),
    path("jobs/items/<int:pk>/retry", views.item_retry, name="item-retry"),
    path("jobs/items/<int:pk>/mapping", views.item_mapping, name="item-mapping"),
]
