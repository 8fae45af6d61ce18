from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand
from django.utils.crypto import get_random_string


class Command(BaseCommand):
    help = "Makes a user with a random password and prints the password, this once."

    def add_arguments(self, parser):
        parser.add_argument("username")

    def handle(self, username, **options):
        users = get_user_model().objects
        if not users.filter(username=username).exists():
            password = get_random_string(16)
            users.create_user(username, password=password)
            self.stdout.write(password)
