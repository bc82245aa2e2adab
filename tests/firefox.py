"""Firefox without a window, driven by its own protocol, Marionette: messages of JSON behind their length.

`shown` opens a page in it or in Chromium, so that one test drives both with the keyboard.
"""

import json
import shutil
import socket
import subprocess
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread
from projects import until

from charloom.core.base.types import Array

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
PREFERENCES = (
    ("marionette.port", "0"),
    ("network.captive-portal-service.enabled", "false"),
    ("app.update.enabled", "false"),
)
DARK = ("layout.css.prefers-color-scheme.content-override", "0")

CONTROL = "\ue009"
TAB, ENTER, RIGHT = "\ue004", "\ue007", "\ue014"


class Firefox:
    """A browser at work."""

    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.count = 0
        self._receive()
        self.call("NewSession")
        self.call("SetTimeouts", script=120_000)

    def _receive(self) -> Any:
        head = b""
        while not head.endswith(b":"):
            head += self.socket.recv(1)
        left, parts = int(head[:-1]), []
        while left:
            parts.append(self.socket.recv(left))
            left -= len(parts[-1])
        return json.loads(b"".join(parts))

    def call(self, command: str, **values: Any) -> Any:
        """Return the answer to a WebDriver command."""
        self.count += 1
        message = json.dumps([0, self.count, f"WebDriver:{command}", values])
        self.socket.sendall(f"{len(message)}:{message}".encode())
        _, _, error, answer = self._receive()
        assert not error, error
        return answer

    def run(self, script: str, *arguments: Any) -> Any:
        """Return the value of the script, a function's body; a promise's value once it is fulfilled."""
        return self.call("ExecuteScript", script=script, args=arguments)["value"]

    def picture(self, selector: str) -> Array:
        """Return the element of this CSS selector as it is drawn: red, green and blue from 0 to 1."""
        element = self.call("FindElement", using="css selector", value=selector)["value"]
        png = self.call("TakeScreenshot", id=next(iter(element.values())), full=False)["value"]
        return imread(BytesIO(b64decode(png)))[:, :, :3]

    def press(self, keys: str) -> None:
        """Press and release each key."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.call("PerformActions", actions=[{"type": "key", "id": "keyboard", "actions": actions}])

    def paste(self) -> None:
        """Press Control and V."""
        pairs = (("keyDown", CONTROL), ("keyDown", "v"), ("keyUp", "v"), ("keyUp", CONTROL))
        actions = [{"type": kind, "value": key} for kind, key in pairs]
        self.call("PerformActions", actions=[{"type": "key", "id": "keyboard", "actions": actions}])


@contextmanager
def firefox(*preferences: tuple[str, str]) -> Iterator[Firefox]:
    """Yield a browser with a new profile and these preferences; it ends with the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        lines = (f'user_pref("{name}", {value});' for name, value in (*PREFERENCES, *preferences))
        (Path(profile) / "user.js").write_text("\n".join(lines))
        command = [FIREFOX, "--headless", "--marionette", "--no-remote", "--profile", profile]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port = Path(profile) / "MarionetteActivePort"
            until(lambda: port.exists() and port.read_text())
            driver = Firefox(int(port.read_text()))
            yield driver
            driver.socket.close()
        finally:
            browser.terminate()
            browser.wait(30)


class Chromium:
    """A window of Chromium with the functions of Firefox."""

    def __init__(self, page: Any):
        self.page = page

    def run(self, script: str) -> Any:
        return self.page.evaluate(f"() => {{ {script} }}")

    def press(self, keys: str) -> None:
        for key in keys:
            self.page.keyboard.press({TAB: "Tab", ENTER: "Enter", RIGHT: "ArrowRight"}.get(key, key))

    def paste(self) -> None:
        self.page.keyboard.press("Control+V")


@contextmanager
def shown(request: pytest.FixtureRequest, url: str) -> Iterator[Chromium | Firefox]:
    """Yield a window with the page in the browser of the fixture's param; in Chromium, it has made no request."""
    if request.param == "chromium":
        page, said = request.getfixturevalue("opened")(url)
        yield Chromium(page)
        assert {line.partition(":")[0] for line in said} <= {"file", "data", "blob"}
    elif not FIREFOX:
        pytest.skip("no firefox here: apt install firefox-esr")
    else:
        with firefox() as window:
            window.call("Navigate", url=url)
            yield window


def tab_to(window: Chromium | Firefox, selector: str) -> None:
    """Press Tab until the element of this CSS selector has the focus."""
    for _ in range(40):
        if window.run(f"return document.activeElement.matches({json.dumps(selector)})"):
            return
        window.press(TAB)
    raise AssertionError(f"{selector} does not get the focus")
