"""A small Hugging Face Hub: what its client needs for publishing, on this machine."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

TOKEN = "hf_of_the_tests"
LARGE = (".safetensors", ".onnx")  # what the Hub keeps outside Git


class Hub(ThreadingHTTPServer):
    """Repositories by name, each with its settings and its files; files in Git's large file storage by SHA-256."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.settings: dict[str, dict[str, Any]] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.messages: list[str] = []
        self.large: dict[str, bytes] = {}
        self.address = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.answer({})

    def do_GET(self) -> None:
        if self.stranger():
            return
        repository = self.path.partition("/api/models/")[2].partition("/tree/")[0]
        files = self.server.files[repository].items()
        self.answer([{"type": "file", "path": name, "size": len(data), "oid": name} for name, data in files])

    def do_PUT(self) -> None:
        if self.path.startswith("/store/"):
            self.server.large[self.path.removeprefix("/store/")] = self.body()
        else:
            self.server.settings[self.path.removeprefix("/api/models/").removesuffix("/settings")] |= self.json()
        self.answer({})

    def do_POST(self) -> None:
        body = self.body()
        if self.stranger():
            return
        if self.path == "/api/repos/create":
            self.create(json.loads(body))
        elif self.path == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            self.answer({"files": [self.mode(file["path"]) for file in json.loads(body)["files"]]})
        elif self.path.endswith("/objects/batch"):
            self.answer({"objects": [self.upload(item) for item in json.loads(body)["objects"]]})
        elif "/commit/" in self.path:
            self.commit([json.loads(line) for line in body.splitlines()])

    def stranger(self) -> bool:
        """Turn those away who have not the token."""
        if self.headers["Authorization"] == f"Bearer {TOKEN}":
            return False
        self.answer({"error": "Invalid username or password."}, 401)
        return True

    def create(self, wanted: dict[str, Any]) -> None:
        name = f"{wanted['organization']}/{wanted['name']}"
        new = name not in self.server.settings
        self.server.settings.setdefault(name, wanted)
        self.server.files.setdefault(name, {})
        self.answer({"url": f"{self.server.address}/{name}"}, 200 if new else 409)

    def mode(self, name: str) -> dict[str, Any]:
        return {"path": name, "uploadMode": "lfs" if name.endswith(LARGE) else "regular", "shouldIgnore": False}

    def upload(self, item: dict[str, Any]) -> dict[str, Any]:
        return {**item, "actions": {"upload": {"href": f"{self.server.address}/store/{item['oid']}"}}}

    def commit(self, lines: list[dict[str, Any]]) -> None:
        repository = self.path.removeprefix("/api/models/").partition("/commit/")[0]
        files = self.server.files[repository]
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                self.server.messages.append(value["summary"])
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.large[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        address = f"{self.server.address}/{repository}/commit/{'0' * 40}"
        self.answer({"commitUrl": address, "commitOid": "0" * 40})

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def json(self) -> Any:
        return json.loads(self.body())

    def answer(self, content: Any, status: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def running_hub() -> Iterator[Hub]:
    hub = Hub()
    Thread(target=hub.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
