from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from demo import views

urlpatterns = [
    path("", views.home, name="home"),
    path("login/", LoginView.as_view(template_name="login.html"), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("healthz", views.healthz),
]
