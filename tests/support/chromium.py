"""A page in headless Chromium, by the DevTools protocol. Chromium comes from the system: apt-get install chromium."""

import asyncio
import base64
import itertools
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_START_S = 30.0


class Page:
    """One page, without JavaScript.

    Attributes:
        requests: addresses that it has asked for.
        messages: what its console says, errors of the content security policy among it.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.requests: list[str] = []
        self.messages: list[str] = []
        self._loaded = False

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self._next()
            if message.get("id") == number:
                assert "error" not in message, message
                return dict(message["result"])

    async def open(self, path: Path) -> None:
        """Load a file."""
        await self.call("Network.enable")
        await self.call("Log.enable")
        await self.call("Page.enable")
        await self.call("Emulation.setScriptExecutionDisabled", value=True)
        self._loaded = False
        await self.call("Page.navigate", url=path.resolve().as_uri())
        while not self._loaded:
            await self._next()

    async def boxes(self, selector: str) -> list[tuple[float, float]]:
        """Width and height of what is laid out for a selector."""
        root = (await self.call("DOM.getDocument"))["root"]["nodeId"]
        nodes = (await self.call("DOM.querySelectorAll", nodeId=root, selector=selector))["nodeIds"]
        found = [(await self.call("DOM.getBoxModel", nodeId=node))["model"] for node in nodes]
        return [(box["width"], box["height"]) for box in found]

    async def screenshot(self, to: Path, width: int = 1000) -> int:
        """The whole page as PNG. Returns the width that its content needs."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False
        )
        size = (await self.call("Page.getLayoutMetrics"))["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": width, "height": min(size["height"], 6000), "scale": 1}
        shot = await self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        to.write_bytes(base64.b64decode(shot["data"]))
        return int(size["width"])

    async def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = await asyncio.wait_for(self._socket.receive_json(), 60)
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
            case "Log.entryAdded":
                self.messages.append(message["params"]["entry"]["text"])
            case "Page.loadEventFired":
                self._loaded = True
        return message


@asynccontextmanager
async def chromium() -> AsyncIterator[Page]:
    """A browser with one page."""
    program = next((found for name in _NAMES if (found := shutil.which(name))), None)
    assert program is not None, "Chromium isn't installed: apt-get install chromium"
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            program,
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--no-first-run"),
            *("--disable-background-networking", f"--user-data-dir={profile}", "about:blank"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            port = await asyncio.wait_for(_port(process), _START_S)
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    targets = json.loads(await answer.text())
                address = next(target for target in targets if target["type"] == "page")["webSocketDebuggerUrl"]
                async with session.ws_connect(address, max_msg_size=0) as socket:
                    yield Page(socket)
        finally:
            process.kill()
            await process.wait()


async def _port(process: asyncio.subprocess.Process) -> int:
    """Where it listens, as it says."""
    assert process.stderr is not None
    async for line in process.stderr:
        if b"DevTools listening on" in line:
            return int(line.decode().split("127.0.0.1:")[1].split("/")[0])
    raise AssertionError("Chromium ended")
