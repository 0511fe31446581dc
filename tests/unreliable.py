"""A proxy in front of a server that loses answers and goes away at calls that a test names, never by the clock."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

LENGTHS = {"content-length", "transfer-encoding"}  # which are those of the next connection


class Unreliable:
    """What is to happen to the calls on their way."""

    def __init__(self, behind: str, address: str) -> None:
        self.behind = urlsplit(behind).netloc
        self.address = address
        self.gone = False
        self._named: tuple[str, str] | None = None

    def lose(self, method: str, path: str, number: int, *, then_gone: bool) -> None:
        """Pass on the `number`th call that has this in its path, and lose the answer; perhaps be gone from then on."""
        self._named, self._left, self._then_gone = (method, path), number, then_gone

    @property
    def lost(self) -> bool:
        """Whether an answer was lost."""
        return self._named is not None and self._left <= 0

    def loses(self, method: str, path: str) -> bool:
        """Tell whether the answer to this call is lost."""
        if self._named is None or method != self._named[0] or self._named[1] not in path:
            return False
        self._left -= 1
        self.gone |= self._left == 0 and self._then_gone
        return self._left == 0


@contextmanager
def unreliable(behind: str) -> Iterator[Unreliable]:
    """Stand in front of a server, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            self.close_connection = True
            body = self._body()
            if proxy.gone:
                return
            lost = proxy.loses(self.command, self.path)
            server = http.client.HTTPConnection(proxy.behind)
            kept = {name: value for name, value in self.headers.items() if name.lower() not in LENGTHS}
            server.request(self.command, self.path, body, kept)
            answer = server.getresponse()
            content = answer.read()
            server.close()
            if lost:
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815 - as Python calls them

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        proxy = Unreliable(behind, f"http://127.0.0.1:{listening.server_port}")
        serving = threading.Thread(target=listening.serve_forever)
        serving.start()
        try:
            yield proxy
        finally:
            listening.shutdown()
            serving.join()
