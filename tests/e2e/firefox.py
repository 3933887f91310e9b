"""Firefox, by WebDriver BiDi: the protocol that it speaks itself, so that neither a driver nor a
build of its own is needed. Only what `test_firefox.py` does."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import websocket

FIREFOX = os.environ.get("FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox") or ""
START_TIMEOUT = ANSWER_TIMEOUT = 60.0
#: Milliseconds for what a page is waited for.
PATIENCE = 20_000


class Tab:
    """The one tab of a Firefox. `said`: what its console has said."""

    def __init__(self, address: str):
        self.said: list[str] = []
        # Firefox refuses pages that would drive it, which would have an origin.
        self._socket = websocket.create_connection(
            address, timeout=ANSWER_TIMEOUT, suppress_origin=True
        )
        self._ids = count()
        self._do("session.new", capabilities={})
        self._do("session.subscribe", events=["log.entryAdded"])
        [tree] = self._do("browsingContext.getTree")["contexts"]
        self.context = tree["context"]

    def _do(self, method: str, **parameters: Any) -> Any:
        """Sends a command; hears what comes until its answer."""
        id = next(self._ids)
        self._socket.send(json.dumps({"id": id, "method": method, "params": parameters}))
        while True:
            heard = json.loads(self._socket.recv())
            if heard.get("method") == "log.entryAdded":
                entry = heard["params"]
                self.said.append(f"{entry['level']}: {entry['text']}")
            if heard.get("id") == id:
                if heard["type"] == "error":
                    raise RuntimeError(f"{heard['error']}: {heard['message']}")
                return heard["result"]

    def goes_to(self, address: str) -> None:
        self._do("browsingContext.navigate", context=self.context, url=address, wait="complete")

    def goes(self, steps: int) -> None:
        """Back (-1) or forward (1)."""
        self._do("browsingContext.traverseHistory", context=self.context, delta=steps)

    def sees(self, expression: str) -> Any:
        """What an expression of JavaScript is, or becomes; as JSON."""
        answer = self._do(
            "script.evaluate",
            expression=f"Promise.resolve({expression}).then((it) => JSON.stringify(it ?? null))",
            target={"context": self.context},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise AssertionError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def waits_for(self, expression: str) -> Any:
        """Until it is true; an error on the way is not yet."""
        return self.sees(
            f"""new Promise((resolve, reject) => {{
              const until = performance.now() + {PATIENCE}
              const look = () => {{
                let seen
                try {{ seen = {expression} }} catch {{}}
                if (seen) resolve(seen)
                else if (performance.now() > until) reject(new Error({json.dumps(expression)}))
                else setTimeout(look, 20)
              }}
              look()
            }})"""
        )

    def clicks(self, element: str) -> None:
        """With the pointer, in the middle of what an expression finds."""
        x, y = self.waits_for(
            f"""(it => {{
              it.scrollIntoView({{ block: 'center' }})
              const {{ left, top, width, height }} = it.getBoundingClientRect()
              return [Math.round(left + width / 2), Math.round(top + height / 2)]
            }})({element})"""
        )
        pointer = [
            {"type": "pointerMove", "x": x, "y": y},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        source = {"type": "pointer", "id": "mouse", "actions": pointer}
        self._do("input.performActions", context=self.context, actions=[source])

    def forgets_cookies(self) -> None:
        self._do("storage.deleteCookies")

    def closes(self) -> None:
        self._socket.close()


@contextmanager
def running_firefox(folder: Path) -> Iterator[str]:
    """Its address for BiDi. `folder`: for its profile and what it says."""
    profile = folder / "profile"
    profile.mkdir()
    # Nothing of its own on the network.
    silent = {
        "app.normandy.enabled": False,
        "app.update.disabledForTesting": True,
        "browser.newtabpage.enabled": False,
        "browser.safebrowsing.malware.enabled": False,
        "browser.safebrowsing.phishing.enabled": False,
        "browser.shell.checkDefaultBrowser": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "extensions.update.enabled": False,
        "intl.accept_languages": "fr",
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
        "services.settings.server": "data:,",
        "toolkit.telemetry.server": "data:,",
    }
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(it)});" for name, it in silent.items()]
    (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
    log = folder / "firefox.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [FIREFOX, "--headless", "--no-remote", "--remote-debugging-port=0",
             "--profile", str(profile)],
            stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + START_TIMEOUT
        while not (found := re.search(r"listening on (ws://\S+)", log.read_text("utf-8"))):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Firefox did not start:\n{log.read_text('utf-8')}")
            time.sleep(0.1)
        yield f"{found[1]}/session"
    finally:
        process.terminate()
        process.wait()
