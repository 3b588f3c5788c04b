"""The command that shows the app in a browser: serve."""

from __future__ import annotations

import socket as sockets
from pathlib import Path  # noqa: TC003  typer evaluates it
from typing import Annotated, Optional

import typer

from tui_trainer.cli.project import load
from tui_trainer.errors import UsageError


def serve(
    context: typer.Context,
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="0: any that is free.")
    ] = 8000,
    socket: Annotated[
        Optional[Path],  # noqa: UP045  typer evaluates this, also on Python 3.10
        typer.Option(
            "--socket", metavar="FILE", help="Listen on a socket of your own, not on a port."
        ),
    ] = None,
) -> None:
    """Show the app in a browser, at an address that only you know."""
    try:
        from tui_trainer.tui.web.server import AppServer, serve_until_asked
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the app in a browser needs the package {error.name}",
            hint="pip install 'tui-trainer[serve]'",
        ) from error
    folder = load(context.obj).folder
    server = AppServer(folder, lambda port: _tell(server.secret, port, socket))
    serve_until_asked(server, port, socket)


def _tell(secret: str, port: int, socket: Path | None) -> None:
    """Where the app is, and the tunnel to it from one's own machine."""
    from tui_trainer.cli.words import errors, results

    host = sockets.gethostname()
    results.say(f"http://127.0.0.1:{port}/{secret}/")
    errors.say(f"from your own machine: ssh -N -L {port}:{socket or f'127.0.0.1:{port}'} {host}")
    errors.say("whoever has this address can do what you can do here; Ctrl-C ends it, runs go on")


COMMANDS = (serve,)
