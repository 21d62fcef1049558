"""Asking a node over HTTP, as anybody outside would: with a token and a short time-out."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import quote

from redundancy.config import Endpoint

HISTORY_PAGE = 10_000


class Unreachable(Exception):
    """The node did not answer: refused, timed out, or broke off."""


class Refused(Exception):
    """The node answered with an error. `status` is HTTP's, `reason` the node's own sentence."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason


class Gate:
    """The API of one node. With `keep` its connection stays between two questions: for one thread only."""

    def __init__(self, where: Endpoint, token: str, timeout: float = 1.0, *, keep: bool = False) -> None:
        self._where = where
        self._token = token
        self._timeout = timeout
        self._keep = keep
        self._kept: http.client.HTTPConnection | None = None

    def kept(self) -> Gate:
        """Another one to the same node, which keeps its connection."""
        return Gate(self._where, self._token, self._timeout, keep=True)

    def close(self) -> None:
        """The connection that was kept, if there is one. The next question opens it again."""
        if self._kept is not None:
            self._kept.close()

    def get(self, path: str) -> Any:
        return self._ask("GET", path, None)

    def post(self, path: str, body: Any) -> Any:
        return self._ask("POST", path, body)

    def gateway(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.get("/api/v1/gateway")
        return answer

    def read(self, *paths: str) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self.post("/api/v1/tags/read", {"paths": list(paths)})
        return answer

    def write(self, path: str, value: Any) -> dict[str, Any]:
        answer: list[dict[str, Any]] = self.post(
            "/api/v1/tags/write", {"writes": [{"path": path, "value": value}]}
        )
        return answer[0]

    def history(self, path: str, start: str, end: str) -> list[list[Any]]:
        """All samples of a tag in a time range, page by page."""
        samples: list[list[Any]] = []
        after = ""
        while True:
            query = f"path={quote(path)}&start={quote(start)}&end={quote(end)}&limit={HISTORY_PAGE}"
            page = self.get(f"/api/v1/history?{query}" + (f"&after={quote(after)}" if after else ""))
            samples += page["samples"]
            after = page["next"]
            if not after:
                return samples

    def _ask(self, method: str, path: str, body: Any) -> Any:
        where = self._where
        connection = self._kept or http.client.HTTPConnection(where.host, where.port, timeout=self._timeout)
        if self._keep:
            self._kept = connection
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Unreachable(f"{where} does not answer: {error}") from None
        if not self._keep:
            connection.close()
        try:
            answer = json.loads(text) if text else None
        except json.JSONDecodeError:
            raise Refused(response.status, text[:200]) from None
        if response.status >= 400:
            raise Refused(response.status, answer.get("reason", text) if isinstance(answer, dict) else text)
        return answer
