from django.urls import path

from .api import api
from .docs import reference

urlpatterns = [path("v1/docs", reference, name="api_reference"), path("v1/", api.urls)]
