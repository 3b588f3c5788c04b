"""The app in a browser, seen by a client that speaks as a browser does, and as others might."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import stat
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import psutil
import pyte
import pytest

from tui_trainer.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.conftest import CommandLine

SECONDS_TO_SHOW = 30.0
BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or ""


class Served:
    """A server that has said its address."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.address = process.stdout.readline().strip()

    @property
    def origin(self) -> str:
        return self.address.rsplit("/", 2)[0]

    def apps(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@asynccontextmanager
async def serving(tui_trainer: CommandLine, *options: str) -> AsyncIterator[Served]:
    served = Served(tui_trainer.start("serve", *options))
    try:
        yield served
    finally:
        served.process.kill()
        await asyncio.to_thread(served.process.communicate)


@asynccontextmanager
async def page(served: Served) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """The connection that the page of the address opens."""
    address = f"{served.address}ws?width=100&height=30"
    async with (
        aiohttp.ClientSession() as browser,
        browser.ws_connect(address, origin=served.origin) as connection,
    ):
        yield connection


async def sees(connection: aiohttp.ClientWebSocketResponse, words: str) -> None:
    screen = pyte.Screen(100, 30)

    async def receive() -> None:
        stream = pyte.ByteStream(screen)
        while not any(words in line for line in screen.display):
            stream.feed(await connection.receive_bytes())

    try:  # over all of it: what keeps the connection alive would put off a limit on each message
        await asyncio.wait_for(receive(), SECONDS_TO_SHOW)
    except asyncio.TimeoutError:
        pytest.fail(f"waited for {words!r} on\n" + "\n".join(screen.display))


async def status(address: str, **headers: str) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.get(address, headers=headers, allow_redirects=False) as response,
    ):
        return response.status


async def test_the_app_is_seen_and_hears_keys(tui_trainer: CommandLine) -> None:
    async with serving(tui_trainer, "--port", "0") as served, page(served) as connection:
        await sees(connection, "one")
        await connection.send_json(["stdin", "?"])
        await sees(connection, "Esc closes this help")


async def test_without_the_secret_nothing_is_answered(tui_trainer: CommandLine) -> None:
    async with serving(tui_trainer, "--port", "0") as served:
        assert await status(served.address) == 200
        for path in ("/", "/ws", "/static/js/textual.js", "/download/1", "/" + "A" * 43 + "/"):
            assert await status(served.origin + path) == 404
        assert served.apps() == []


async def test_another_page_cannot_use_the_secret(tui_trainer: CommandLine) -> None:
    async with serving(tui_trainer, "--port", "0") as served:
        handshake = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version": "13",
        }
        websocket = f"{served.address}ws"
        assert await status(websocket, **handshake) == 403
        assert await status(websocket, **handshake, Origin="http://example.org") == 403
        assert await status(websocket, **handshake, Origin="null") == 403
        assert await status(served.address, Host="example.org") == 403
        assert await status(served.address, Host="[") == 403
        assert served.apps() == []


async def test_the_page_loads_nothing_from_elsewhere(tui_trainer: CommandLine) -> None:
    async with (
        serving(tui_trainer, "--port", "0") as served,
        aiohttp.ClientSession() as browser,
        browser.get(served.address) as response,
    ):
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]
        text = await response.text()
        assert text.count("http://") == text.count(served.address) > 0
        assert "https://" not in text


@pytest.mark.skipif(not BROWSER, reason="no chromium here")
async def test_keys_go_to_the_terminal_before_anything_is_clicked(
    tui_trainer: CommandLine, tmp_path: Path
) -> None:
    async with serving(tui_trainer, "--port", "0") as served:
        browser = await asyncio.create_subprocess_exec(
            *(BROWSER, "--headless", "--no-sandbox", f"--user-data-dir={tmp_path / 'browser'}"),
            *("--timeout=10000", "--dump-dom", served.address),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        seen, _ = await browser.communicate()
        assert 'class="terminal xterm focus"' in seen.decode()


async def test_a_socket_is_its_owners_alone_and_goes_with_the_server(
    tui_trainer: CommandLine, tmp_path: Path
) -> None:
    place = tmp_path / "app.socket"
    async with serving(tui_trainer, "--socket", str(place)) as served:
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(place))) as session,
            session.get(served.address) as response,
        ):
            assert response.status == 200
        second = await asyncio.to_thread(tui_trainer, "serve", "--socket", str(place))
        assert second.returncode == ExitCode.USAGE
        assert "exists" in second.stderr
        served.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(served.process.wait, 10)
        assert not place.exists()


def test_a_socket_that_cannot_be_is_refused_with_what_can(
    tui_trainer: CommandLine, tmp_path: Path
) -> None:
    for place in (tmp_path / "nowhere" / "x", tmp_path / ("x" * 120)):
        refused = tui_trainer("serve", "--socket", str(place))
        assert refused.returncode == ExitCode.USAGE
        assert f"cannot listen on {place}" in refused.stderr
        assert "hint: --socket takes a short path" in refused.stderr
        assert "--port" not in refused.stderr


async def test_a_port_that_is_taken(tui_trainer: CommandLine) -> None:
    async with serving(tui_trainer, "--port", "0") as served:
        port = served.origin.rpartition(":")[2]
        second = await asyncio.to_thread(tui_trainer, "serve", "--port", port)
        assert second.returncode == ExitCode.USAGE
        assert f"cannot listen on port {port}" in second.stderr
        assert "Traceback" not in second.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_no_app_outlives_its_server(tui_trainer: CommandLine, number: signal.Signals) -> None:
    async with serving(tui_trainer, "--port", "0") as served, page(served) as connection:
        await sees(connection, "one")
        apps = served.apps()
        assert apps
        os.kill(served.process.pid, number)
        gone, alive = await asyncio.to_thread(psutil.wait_procs, apps, 10)
        assert (len(gone), alive) == (len(apps), [])


async def test_a_page_that_is_closed_takes_its_app_with_it(tui_trainer: CommandLine) -> None:
    async with serving(tui_trainer, "--port", "0") as served:
        async with page(served) as connection:
            await sees(connection, "one")
            apps = served.apps()
        assert (await asyncio.to_thread(psutil.wait_procs, apps, 10))[1] == []


async def test_hostile_messages_end_one_page_and_no_more(tui_trainer: CommandLine) -> None:
    async with serving(tui_trainer, "--port", "0") as served:
        async with page(served) as connection:
            await connection.send_str(json.dumps({"not": "a list"}))
            await connection.send_str("[")
        async with page(served) as connection:
            await sees(connection, "one")
