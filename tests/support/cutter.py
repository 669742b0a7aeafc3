"""A way to a server that can be cut: before what is sent arrives, or after it was answered and before the answer does."""

from __future__ import annotations

import contextlib
import socket
import threading


class Cutter:
    """Listens on loopback and passes on to ``port``."""

    def __init__(self, port):
        self._to = ("127.0.0.1", port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._armed = ""
        self.cuts = 0
        self.refusing = False
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listening.close()

    def arm(self, when):
        """Cut the next thing that is sent: ``before`` it arrives, ``after`` it was answered, or
        ``meanwhile``; ``never`` lets it arrive nowhere, and the way stays open."""
        self._armed = when

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                if self.refusing:
                    client.close()
                    continue
                server = socket.create_connection(self._to)
                for socket_ in (client, server):
                    socket_.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                pair = (client, server)
                threading.Thread(target=self._up, args=pair, daemon=True).start()
                threading.Thread(target=self._down, args=pair, daemon=True).start()

    def _up(self, client, server):
        with contextlib.suppress(OSError):
            while said := client.recv(65536):
                when, self._armed = self._armed, ""
                self.cuts += bool(when)
                if when == "before":
                    break
                if when == "never":
                    continue
                if when:
                    self.deaf = client
                server.sendall(said)
                if when == "meanwhile":
                    client.shutdown(socket.SHUT_RDWR)
                    client.close()
                    return  # the server's end stays open: it has not heard that anybody left
        self._end(client, server)

    deaf = None

    def _down(self, client, server):
        with contextlib.suppress(OSError):
            while said := server.recv(65536):
                if client is self.deaf:
                    break
                client.sendall(said)
        self._end(client, server)

    @staticmethod
    def _end(*sockets):
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
