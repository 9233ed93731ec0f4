from django.urls import path

from apps.ingestion import views

urlpatterns = [
    path("corpora/<slug:slug>/", views.corpus, name="corpus"),
    path("corpora/<slug:slug>/upload", views.upload, name="upload"),
    path("jobs/", views.jobs, name="jobs"),
    path("jobs/<int:pk>/", views.job, name="job"),
    path("jobs/<int:pk>/retry", views.job_retry, name="job-retry"),
    path("jobs/<int:pk>/cancel", views.job_cancel, name="job-cancel"),
    path("jobs/items/<int:pk>/retry", views.item_retry, name="item-retry"),
    path("jobs/items/<int:pk>/mapping", views.item_mapping, name="item-mapping"),
]
