"""A shop in Django, in one file: templates, forms with CSRF, sessions in signed cookies, messages,
uploads, files, streams, JSON, middleware, errors."""

import hashlib
import tempfile
from pathlib import Path

import django
from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.wsgi import get_wsgi_application
from django.http import (
    FileResponse,
    Http404,
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import redirect, render
from django.urls import path
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import condition, require_http_methods

FOLDER = Path(tempfile.mkdtemp())  # the fixture that imports this removes it
TEMPLATE = """<!DOCTYPE html><title>Shop</title>
{% for message in messages %}<p class="message">{{ message }}</p>{% endfor %}
<ul>{% for name, count in basket.items %}<li>{{ count }} {{ name }}</li>{% endfor %}</ul>
<form method="post">{% csrf_token %}{{ form.as_p }}<button>Buy</button></form>"""
(FOLDER / "shop.html").write_text(TEMPLATE)

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "a"],
    DEBUG=False,
    FILE_UPLOAD_MAX_MEMORY_SIZE=10_000,
    MESSAGE_STORAGE="django.contrib.messages.storage.cookie.CookieStorage",
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.gzip.GZipMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    INSTALLED_APPS=["django.contrib.messages", "django.contrib.sessions"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for tests, and long enough for Django's own check of it",
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [FOLDER],
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    USE_TZ=True,
    LOGGING_CONFIG=None,
)
django.setup()


class BasketForm(forms.Form):
    name = forms.CharField(max_length=20)
    count = forms.IntegerField(min_value=1, max_value=9)


class Shop(View):
    def get(self, request, form=None, status=200):
        context = {"form": form or BasketForm(), "basket": request.session.get("basket", {})}
        return render(request, "shop.html", context, status=status)

    def post(self, request):
        form = BasketForm(request.POST)
        if not form.is_valid():
            return self.get(request, form, 422)
        basket = request.session.setdefault("basket", {})
        name = form.cleaned_data["name"]
        basket[name] = basket.get(name, 0) + form.cleaned_data["count"]
        request.session.modified = True
        messages.success(request, f"{name} is in the basket.")
        return redirect("shop")


@csrf_exempt
@require_http_methods(["POST"])
def upload(request):
    file = request.FILES["file"]
    digest = hashlib.sha256()
    with (FOLDER / Path(file.name).name).open("wb") as target:
        for chunk in file.chunks():
            digest.update(chunk)
            target.write(chunk)
    return JsonResponse(
        {
            "kind": type(file).__name__,
            "sha256": digest.hexdigest(),
            "note": request.POST["note"],
        }
    )


def download(request, name):
    file = FOLDER / name
    if not file.exists():
        raise Http404(name)
    return FileResponse(file.open("rb"), as_attachment=True)


def stream(request, count):
    return StreamingHttpResponse((f"line {n}\n" for n in range(count)), content_type="text/plain")


@condition(etag_func=lambda request: '"fixed"')
def cached(request):
    return HttpResponse("x" * 1000)


@csrf_exempt
def echo(request):
    return HttpResponse(request.body, content_type="application/octet-stream")


def where(request):
    return JsonResponse(
        {
            "url": request.build_absolute_uri(),
            "secure": request.is_secure(),
            "query": request.GET.dict(),
            "path": request.path,
            "address": request.META["REMOTE_ADDR"],
        }
    )


def broken(request):
    raise ZeroDivisionError("of the application's")


urlpatterns = [
    path("", Shop.as_view(), name="shop"),
    path("upload/", upload),
    path("files/<name>", download),
    path("stream/<int:count>", stream),
    path("cached", cached),
    path("echo", echo),
    path("where/<path:rest>", lambda request, rest: where(request)),
    path("broken", broken),
]

application = get_wsgi_application()
