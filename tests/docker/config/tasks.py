import hashlib

from celery import shared_task
from django.conf import settings


@shared_task
def tick():
    """By which key a task runs: as a digest, since the log is looked at by everybody."""
    digest = hashlib.sha256(settings.SECRET_KEY.encode()).hexdigest()
    print(f"tick with {digest}", flush=True)
