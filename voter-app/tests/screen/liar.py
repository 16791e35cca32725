"""A server that lies: it stands in front of a real board, and passes everything on but for one trick."""

import base64
import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DROPPED = {"connection", "transfer-encoding", "content-length", "content-encoding", "keep-alive", "accept-encoding"}


class Liar:
    """Serves at `address` until it is closed. `trick`: None for an honest server, or one of the methods below."""

    def __init__(self, board, election):
        self.board, self.election, self.trick, self.other, self.swallowed = board, election, None, None, 0
        liar = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                status, headers, content = liar.answer(self.command, self.path, dict(self.headers), body)
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def ask(self, command, path, headers=None, body=b"", board=None):
        connection = http.client.HTTPConnection(board or self.board, timeout=30)
        headers = {name: value for name, value in (headers or {}).items() if name.lower() not in DROPPED | {"host"}}
        connection.request(command, path, body or None, headers)
        answer = connection.getresponse()
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in DROPPED]
        return answer.status, kept, answer.read()

    def answer(self, command, path, headers, body):
        name = path.removeprefix(f"/e/{self.election}/")
        if name == "events":
            return 503, [], b""
        if self.trick == "swallow" and name == "ballots":
            self.swallowed += 1
            return 202, [("content-type", "application/json")], b"{}"
        status, kept, content = self.ask(command, path, headers, body)
        if self.trick == "wrong proof" and name == "ballots" and status < 300:
            content = self.wrong_proof(content)
        if self.trick == "altered manifest" and name == "manifest":
            content = content.replace(b"Chiara", b"Chiaro")
        if self.trick == "clock" and name == "status":
            content = changed(content, time_ms=lambda then: then - 3_600_000)
        if self.trick == "closed" and name == "status":
            content = changed(content, phase=lambda _: "closed")
        if self.trick == "other ballot" and name.startswith("tile/entries/"):
            assert b'"counter":1,' in content
            content = content.replace(b'"counter":1,', b'"counter":2,', 1)
        if self.trick == "other keys" and name.startswith("tile/entries/"):
            content = self.other_keys(content)
        return status, kept, content

    @staticmethod
    def wrong_proof(receipt):
        """One bit of the first hash of the proof that the ballot is in the log."""
        lines = receipt.decode().split("\n")
        at = 2
        proof = bytearray(base64.b64decode(lines[at]))
        assert len(proof) == 32, lines
        proof[0] ^= 1
        lines[at] = base64.b64encode(proof).decode()
        return "\n".join(lines).encode()

    def other_keys(self, content):
        """The manifest stays, what comes behind it is another election's: its ceremony, and so its keys."""
        size = int(self.ask("GET", f"/e/{self.other}/checkpoint")[2].split(b"\n")[1])
        assert size < 256
        theirs = entries(self.ask("GET", f"/e/{self.other}/tile/entries/000.p/{size}")[2])
        mine = entries(content)
        mixed = [mine[0], *theirs[1:], *mine[len(theirs):]][:len(mine)]
        return b"".join(len(entry).to_bytes(2, "big") + entry for entry in mixed)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def changed(content, **changes):
    answer = json.loads(content)
    for name, change in changes.items():
        answer[name] = change(answer[name])
    return json.dumps(answer).encode()


def entries(bundle):
    found = []
    while bundle:
        length = int.from_bytes(bundle[:2], "big")
        found.append(bundle[2:2 + length])
        bundle = bundle[2 + length:]
    return found
