"""A Django project of one asynchronous view, served by threads over WSGI."""

# pyright: reportMissingTypeStubs=false

from collections.abc import Generator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.callers import Target

_target: Target


async def status(request: HttpRequest) -> HttpResponse:
    """Make a call with a client for this request, as its event loop is, too."""
    del request
    async with _target.client() as cams:
        await _target.call(cams)
    return HttpResponse(b"done")


urlpatterns = [path("status", status)]


class Server(ThreadingMixIn, WSGIServer):
    """A WSGI server with a thread for each request."""

    request_queue_size = 128
    daemon_threads = False


class Handler(WSGIRequestHandler):
    """Handles a request, and logs nothing."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
        """Log nothing."""


@contextmanager
def served(target: Target) -> Generator[str, None, None]:
    """Run the server in a thread; return the URL of the view."""
    global _target  # noqa: PLW0603 - Django imports its views by name
    _target = target
    if not settings.configured:
        settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"])
        django.setup(set_prefix=False)
    application: Any = WSGIHandler()
    server = make_server("127.0.0.1", 0, application, Server, Handler)
    thread = Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/status"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
