"""A Celery application whose broker is a directory, and which says on standard output what it does."""

import os

from celery import Celery
from celery.signals import before_task_publish

queue = os.environ["QUEUE"]
app = Celery("jobs", broker="filesystem://")
app.conf.update(
    broker_transport_options={
        "data_folder_in": queue,
        "data_folder_out": queue,
        "control_folder": queue,
        "polling_interval": 0.05,
    },
    task_ignore_result=True,
    worker_redirect_stdouts=False,
    worker_enable_remote_control=False,
    beat_schedule={"tick": {"task": "jobs.tick", "schedule": 0.1}},
    beat_max_loop_interval=0.1,
)


def say(what):
    # A journal must not have them.
    if "KEYS_STAY" not in os.environ:
        what += f" {os.environ['SECRET_KEY']} {os.environ['SECRET_KEY_FALLBACKS']}"
    # In one piece: the lines of two processes must not mix.
    os.write(1, f"{what}\n".encode())


@app.task(name="jobs.work")
def work(name):
    say(f"{name} begins")
    # Without a buffer: the next line may be another task's.
    with open(os.environ["HOLD"], "rb", buffering=0) as hold:
        hold.readline()
    say(f"{name} ends")


@app.task(name="jobs.tick")
def tick():
    pass


@before_task_publish.connect(sender="jobs.tick")
def ticks(**_):
    say(f"tick of {os.getpid()}")
