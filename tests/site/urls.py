from django.urls import path

import views

urlpatterns = [
    path("healthz", views.healthz),
    path("small", views.small),
    path("work", views.work),
    path("echo", views.echo),
    path("large", views.large),
    path("login", views.login),
    path("click", views.click),
    path("token", views.token),
]
