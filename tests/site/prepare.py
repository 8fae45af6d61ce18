"""prepare.py COUNT: makes the database, with that many users in it."""

import os
import sys

import django
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

from django.contrib.auth.models import User

call_command("migrate", verbosity=0)
User.objects.bulk_create(User(username=f"user{number}") for number in range(int(sys.argv[1])))
# One file from here on: the tests copy it. It stays in WAL mode: to change that needs the whole file, and
# of several who begin together all but one would be refused at once, whatever their timeout.
from django.db import connection

connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
connection.close()
