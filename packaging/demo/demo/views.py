from django.http import HttpResponse
from django.shortcuts import render


def home(request):
    """Who is logged in, and how often this session has been here."""
    if request.user.is_authenticated:
        request.session["visits"] = request.session.get("visits", 0) + 1
    return render(request, "home.html", {"visits": request.session.get("visits", 0)})


def healthz(request):
    """Touches neither the session nor the database: it says that a worker can answer."""
    return HttpResponse("ok", content_type="text/plain")
