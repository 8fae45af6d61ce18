import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")
app = Celery("config", broker=os.environ.get("CELERY_BROKER_URL"))
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = {"tick": {"task": "config.tasks.tick", "schedule": 1.0}}
app.conf.imports = ["config.tasks"]
