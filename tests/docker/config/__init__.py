"""The project that the shipped files expect, around the demo site."""

from .celery import app

__all__ = ["app"]
