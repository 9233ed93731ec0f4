from django.contrib.auth.views import LogoutView
from django.urls import path

from apps.accounts import views

urlpatterns = [
    path("login", views.LoginView.as_view(), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("password", views.password, name="password"),
    path("users/", views.users, name="users"),
    path("users/new", views.new_user, name="user-new"),
    path("users/<int:pk>/", views.user, name="user"),
    path("users/<int:pk>/reset-password", views.reset_password, name="user-reset-password"),
]
