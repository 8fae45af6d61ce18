import os
import time

from django.contrib import auth
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.http import HttpResponse

LARGE = b"".join(b"%08x" % number for number in range(131072))


def text(content):
    return HttpResponse(content, content_type="text/plain")


def name_the_master(get_response):
    """So that a test knows which generation answered."""

    def middleware(request):
        response = get_response(request)
        response["X-Master"] = os.getppid()
        return response

    return middleware


def healthz(request):
    return text("ok")


def small(request):
    return text("small")


def work(request):
    time.sleep(int(request.GET["ms"]) / 1000)
    return text("done")


def echo(request):
    return text(request.body)


def large(request):
    return text(LARGE)


def login(request):
    """Without a password: the tests ask nobody who they are."""
    user = auth.get_user_model().objects.get(username=request.GET["user"])
    auth.login(request, user)
    return text(signing.dumps(user.username))


def click(request):
    """Who is logged in, whether the signed value is good, and a new one."""
    name = request.user.get_username() or "nobody"
    try:
        signing.loads(request.headers["X-Signed"])
        verdict = "good"
    except signing.BadSignature:
        verdict = "bad"
    return text(f"{name}\n{verdict}\n{signing.dumps(name)}\n")


def token(request):
    """The token of the mail that sets a new password: made, or judged."""
    user = auth.get_user_model().objects.get(username=request.GET["user"])
    if "token" not in request.GET:
        return text(default_token_generator.make_token(user))
    good = default_token_generator.check_token(user, request.GET["token"])
    return text("good" if good else "bad")
