"""Serves the app to a browser of its own user, on a machine that belongs to many.

Every other user of a login node can connect to 127.0.0.1 there. So the address holds a secret;
without it nothing is answered, and a page of somebody else's cannot use it either: the names that
the browser asked for and came from must be this machine's.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

from tui_trainer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Then their apps are ended; runs do not notice.
SECONDS_FOR_APPS = 0.5
# A page that neither loads nor tells anything elsewhere; it would otherwise wait for fonts.
HEADERS = {
    "Content-Security-Policy": "default-src 'self' data: blob: 'unsafe-inline'; "
    "connect-src 'self' ws: wss:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


class AppServer(Server):
    """Answers below `/SECRET/` only, and only to names of this machine.

    Args:
        folder: The project's folder, where each browser's app begins.
        tell: Is told the port, once the app can be opened there.
    """

    def __init__(self, folder: Path, tell: Callable[[int], None]) -> None:
        app = [sys.executable, "-m", "tui_trainer", "-C", str(folder)]
        super().__init__(shlex.join(app), title="tui-trainer")
        self.secret = secrets.token_urlsafe(32)
        self.templates_path = Path(__file__).parent
        self._tell = tell

    async def start(self, port: int, socket: Path | None) -> None:
        """Listen until cancelled: on a loopback port, 0 for any, or on a socket file.

        Raises:
            UsageError: The port or the socket is taken or cannot be had.
        """
        outer = web.Application(middlewares=[only_from_here])
        outer.add_subapp(f"/{self.secret}/", await self._make_app())
        outer.on_response_prepare.append(_add_headers)
        runner = web.AppRunner(outer, access_log=None, shutdown_timeout=SECONDS_FOR_APPS)
        await runner.setup()
        try:
            if socket is None:
                hint = "--port 0 takes any that is free"
                await _listen(web.TCPSite(runner, "127.0.0.1", port), f"port {port}", hint)
                _host, port = runner.addresses[0]
            else:
                await _listen_on_socket(runner, socket)
            self._tell(port)
            await _asked_to_end()
        finally:
            await runner.cleanup()

    async def handle_index(self, request: web.Request) -> Any:
        """The page, with addresses as the browser, perhaps behind a tunnel, knows them."""
        self.public_url = f"http://{request.host}"
        return await super().handle_index(request)

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing: who started it prints the address."""


@web.middleware
async def only_from_here(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests for or from other names: a foreign page, or a name that was rebound."""
    if _name(f"//{request.host}") not in LOOPBACK:
        raise web.HTTPForbidden(text="this is served to 127.0.0.1 and localhost alone\n")
    origin = request.headers.get("Origin")
    asks_for_app = request.headers.get("Upgrade", "").lower() == "websocket"
    if (origin or asks_for_app) and origin != f"http://{request.host}":
        raise web.HTTPForbidden(text="not from this page\n")
    return await handler(request)


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


async def _listen(site: web.BaseSite, place: str, hint: str) -> None:
    try:
        await site.start()
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"cannot listen on {place}: {reason}", hint=hint) from error


async def _listen_on_socket(runner: web.AppRunner, socket: Path) -> None:
    usual = os.umask(0o177)  # its owner's alone from the first moment on
    try:
        hint = "--socket takes a short path, in a folder that is there and that you may write to"
        await _listen(web.UnixSite(runner, str(socket)), str(socket), hint)
    finally:
        os.umask(usual)


async def _asked_to_end() -> None:
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    await asked.wait()


def serve_until_asked(server: AppServer, port: int, socket: Path | None) -> None:
    """Serve until interrupted.

    Raises:
        UsageError: The port or the socket is taken or cannot be had.
    """
    logging.getLogger("textual-serve").addHandler(logging.StreamHandler())
    if socket is None:
        asyncio.run(server.start(port, socket))
        return
    if socket.exists():  # asyncio would take it away from a server that still listens there
        hint = "remove it if no other `tui-trainer serve` uses it"
        raise UsageError(f"{socket} exists", hint=hint)
    try:
        asyncio.run(server.start(port, socket))
    finally:
        socket.unlink(missing_ok=True)
