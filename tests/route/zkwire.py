"""As much of ZooKeeper's protocol as it takes to try a door: connect, read, write, list; with or without a key."""

from __future__ import annotations

import socket
import struct
import threading

CREATE, GET, SET, CHILDREN, AUTH = 1, 4, 5, 8, 100
NO_AUTH = -102


def _text(s: str | bytes) -> bytes:
    data = s.encode() if isinstance(s, str) else s
    return struct.pack(">i", len(data)) + data


class ZkError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(f"ZooKeeper says {code}")
        self.code = code


class ZkWire:
    def __init__(self, port: int, auth: str = "") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.xid = 0
        self._send(struct.pack(">iqiq", 0, 0, 10000, 0) + _text(b"\0" * 16))
        self._receive()
        if auth:
            self._send(struct.pack(">iii", -4, AUTH, 0) + _text("digest") + _text(auth))
            self._receive()

    def close(self) -> None:
        self.socket.close()

    def get(self, path: str) -> bytes:
        answer = self._call(GET, _text(path) + b"\0")
        (length,) = struct.unpack_from(">i", answer)
        return answer[4:4 + max(length, 0)]

    def set(self, path: str, data: bytes) -> None:
        self._call(SET, _text(path) + _text(data) + struct.pack(">i", -1))

    def children(self, path: str) -> list[str]:
        answer = self._call(CHILDREN, _text(path) + b"\0")
        (count,) = struct.unpack_from(">i", answer)
        names, at = [], 4
        for _ in range(count):
            (length,) = struct.unpack_from(">i", answer, at)
            names.append(answer[at + 4:at + 4 + length].decode())
            at += 4 + length
        return names

    def create(self, path: str, data: bytes) -> None:
        everybody = struct.pack(">ii", 1, 31) + _text("world") + _text("anyone")
        self._call(CREATE, _text(path) + _text(data) + everybody + struct.pack(">i", 0))

    def _send(self, data: bytes) -> None:
        self.socket.sendall(struct.pack(">i", len(data)) + data)

    def _exactly(self, n: int) -> bytes:
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                raise ConnectionError("ZooKeeper has closed the connection")
            data += more
        return data

    def _receive(self) -> bytes:
        (length,) = struct.unpack(">i", self._exactly(4))
        return self._exactly(length)

    def _call(self, kind: int, body: bytes) -> bytes:
        self.xid += 1
        self._send(struct.pack(">ii", self.xid, kind) + body)
        answer = self._receive()
        _, _, code = struct.unpack_from(">iqi", answer)
        if code:
            raise ZkError(code)
        return answer[16:]


class Cut:
    """A way to ZooKeeper that can be cut at a chosen word of a client: before the word gets there, or after it, so that the answer is lost."""

    def __init__(self, port: int) -> None:
        self.to = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.word = b""
        self.deliver = False
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def at(self, word: bytes, deliver: bool) -> None:
        """Cuts the next connection over which the word goes."""
        self.deliver = deliver
        self.word = word

    def close(self) -> None:
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.to), 10)
            except OSError:
                return
            gone = threading.Event()
            threading.Thread(target=self._up, args=(near, far, gone), daemon=True).start()
            threading.Thread(target=self._down, args=(near, far, gone), daemon=True).start()

    def _up(self, near: socket.socket, far: socket.socket, gone: threading.Event) -> None:
        while data := self._read(near):
            if self.word and self.word in data:
                self.word = b""
                self.cuts += 1
                gone.set()
                if self.deliver:
                    far.sendall(data)
                break
            far.sendall(data)
        for s, how in ((near, socket.SHUT_RDWR), (far, socket.SHUT_WR)):
            try:
                s.shutdown(how)
            except OSError:
                pass  # closed already

    def _down(self, near: socket.socket, far: socket.socket, gone: threading.Event) -> None:
        while data := self._read(far):
            if gone.is_set():
                continue  # it gets there, and is not heard of
            try:
                near.sendall(data)
            except OSError:
                break
        far.close()

    @staticmethod
    def _read(s: socket.socket) -> bytes:
        try:
            return s.recv(1 << 20)
        except OSError:
            return b""
