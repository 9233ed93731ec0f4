from django.urls import path

from apps.feedback import views

urlpatterns = [
    path("judgments/", views.judge, name="judge"),
    path("judging/", views.judging, name="judging"),
    path("judging/new", views.pool_new, name="pool-new"),
    path("judging/export", views.export, name="judgments-export"),
    path("judging/<int:pk>/", views.pool, name="pool"),
    path("judging/<int:pk>/judge", views.pool_judge, name="pool-judge"),
    path("judging/<int:pk>/delete", views.pool_delete, name="pool-delete"),
]
