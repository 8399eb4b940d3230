"""JSON over HTTP, as the route service and the mapper speak it."""

import json
import urllib.error
import urllib.request
from typing import Any

TIMEOUT_S = 30.0


class HttpError(AssertionError):
    """The answer was an error; `error` is its object: code, field, message."""

    def __init__(self, url: str, status: int, error: dict[str, Any], body: bytes = b"") -> None:
        super().__init__(f"{url}: {status} {error.get('code', '')}: {error.get('message', '')}")
        self.status = status
        self.error = error
        self.body = body


def call(url: str, body: Any = None, timeout_s: float = TIMEOUT_S) -> Any:
    """GET, or POST of `body`; the JSON that came back."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    # Proxies that a user's shell has set are not for 127.0.0.1.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout_s) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as why:
        body = why.read()
        raise HttpError(url, why.code, _error_of(body), body) from None


def _error_of(body: bytes) -> dict[str, Any]:
    try:
        return json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return {"message": body.decode(errors="replace")[:200]}
