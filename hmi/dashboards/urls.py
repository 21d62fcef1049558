"""Where dashboards live."""

from django.urls import path

from hmi.dashboards import views

urlpatterns = [
    path("", views.index, name="dashboards"),
    path("<slug:slug>/", views.show, name="dashboard"),
]
