"""The fault proxy: sits on links and loses, delays or spoils HTTP messages, as ``reference_impl.staging.loss`` decides.

``python -m loadtest.proxy CONFIG.json`` serves every faulty link of a scenario until SIGTERM. A lost request is
swallowed and its connection left open, so that the caller's timeout runs out; a lost reply is swallowed after the
callee acted. Every connection of a caller has one of its own to the callee, as it would without the proxy. It must
never send anything twice, nor change a byte or answer for the callee but where a fault of false yeses says so; it does
say when nobody listens there.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Protocol

import httptools
import msgspec
import uvloop

from reference_impl.domain.dialects import TODAYS
from reference_impl.domain.nodes import HOSPITAL
from reference_impl.staging.loss import FALSE_YES_TEXT, Disturbance, FalseYes, FaultyLink
from reference_impl.wire.answers import NOBODY_LISTENS_HEADER, STATUS_NOBODY_LISTENS, STATUS_VERDICT
from reference_impl.wire.false_yes import Spelling, is_yes, spelling_of, spoilt

MSGID_HEADER = "x-yidi-msgid"
_CODE = re.compile(rb'"infno"\s*:\s*"(\w+)"|<transno>(\w+)</transno>')
NOBODY_LISTENS = (
    f"HTTP/1.1 {STATUS_NOBODY_LISTENS} Bad Gateway\r\n{NOBODY_LISTENS_HEADER}: 1\r\ncontent-length: 0\r\n\r\n"
).encode("ascii")
_BLOCK_BYTES = 65_536
_MESSAGE_BYTES_MAX = 4 * 1024 * 1024
_BACKLOG = 2048
_US_PER_S = 1_000_000


class ProxiedLink(msgspec.Struct, frozen=True, kw_only=True):
    """One directed link: where its caller connects to, and where the callee really listens."""

    caller: str
    callee: str
    port: int
    upstream_port: int
    host: str = "127.0.0.1"
    upstream_host: str = "127.0.0.1"


class ProxyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """All that the proxy process is told."""

    epoch_monotonic_ns: int
    seed: int
    links: tuple[ProxiedLink, ...]
    faults: tuple[Disturbance, ...]
    core: int | None = None
    stop_with_parent: bool = False


class _Feeder(Protocol):
    """What httptools' two parsers have in common."""

    def feed_data(self, data: bytes) -> None: ...


class Message:
    """The bytes of one HTTP message, framed by httptools, and its key."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.body = bytearray()
        self.msgid = ""
        self.whole = False

    @property
    def code(self) -> str:
        """The transaction; empty when the message names none."""
        found = _CODE.search(self.content)
        if not found:
            return ""
        return found[1].decode("ascii") if found[1] else TODAYS.get(found[2].decode("ascii"), "")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Hear a header from httptools."""
        if name.lower().decode("latin-1") == MSGID_HEADER:
            self.msgid = value.decode("latin-1")

    def on_body(self, block: bytes) -> None:
        """Hear a part of the body from httptools."""
        self.body += block

    def on_message_complete(self) -> None:
        """Hear the end of the message from httptools."""
        self.whole = True


async def read_request(reader: asyncio.StreamReader) -> Message | None:
    """Return the next request on a connection, or None when the caller has left."""
    message = Message()
    return await _read(reader, message, httptools.HttpRequestParser(message))


async def read_reply(reader: asyncio.StreamReader) -> Message | None:
    """Return the reply on a connection, or None when the callee has left."""
    message = Message()
    return await _read(reader, message, httptools.HttpResponseParser(message))


async def _read(reader: asyncio.StreamReader, message: Message, parser: _Feeder) -> Message | None:
    while not message.whole:
        block = await reader.read(_BLOCK_BYTES)
        message.content += block
        if not block or len(message.content) > _MESSAGE_BYTES_MAX:
            return None
        parser.feed_data(block)
    return message


class LinkProxy:
    """One link at work: its faults, its clock and its counts."""

    def __init__(self, link: ProxiedLink, faulty: FaultyLink, epoch_monotonic_ns: int) -> None:
        self.link = link
        self.epoch_ns = epoch_monotonic_ns
        self.counts: Counter[str] = Counter()
        self._faulty = faulty
        self._served: set[asyncio.Task[None]] = set()

    @property
    def hits(self) -> Counter[int]:
        """How many crossings each fault lost or delayed, by its number."""
        return self._faulty.hits

    async def listen(self) -> asyncio.Server:
        """Open the address that callers use."""
        return await asyncio.start_server(self._accept, self.link.host, self.link.port, backlog=_BACKLOG)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin to serve. Nobody but us holds on to a task that waits for a frozen callee."""
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._served.add(task)
        task.add_done_callback(self._served.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one caller's connection until it leaves or the callee breaks off."""
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            while (request := await read_request(reader)) is not None:
                sent = self._faulty.request(request.msgid, request.code, self._now_us())
                self.counts["requests"] += 1
                if sent.lost:
                    self.counts["lost_requests"] += 1
                    continue
                await asyncio.sleep(sent.delay_us / _US_PER_S)
                spelling = spelling_of(bytes(request.body), of_hospital=self.link.caller == HOSPITAL)
                if sent.false_yes is not None and sent.turned_back:
                    writer.write(self._false_yes(None, sent.false_yes, spelling))
                    continue
                if upstream is None:
                    upstream = await self._connect()
                if upstream is None:
                    self.counts["refused"] += 1
                    writer.write(NOBODY_LISTENS)
                    continue
                upstream[1].write(request.content)
                reply = await read_reply(upstream[0])
                if reply is None:
                    break
                yes = sent.false_yes is not None and is_yes(_status(reply.content), bytes(reply.body), spelling)
                back = self._faulty.reply(request.msgid, request.code, self._now_us(), sent=sent, yes=yes)
                if back.lost:
                    self.counts["lost_replies"] += 1
                    continue
                await asyncio.sleep(back.delay_us / _US_PER_S)
                told = back.false_yes
                writer.write(reply.content if told is None else self._false_yes(bytes(reply.body), told, spelling))
        except (OSError, httptools.HttpParserError):
            self.counts["broken"] += 1
        finally:
            # A broken callee is passed on as a broken connection: the caller does not know what became of it.
            writer.transport.abort()
            if upstream is not None:
                upstream[1].transport.abort()

    def _false_yes(self, yes: bytes | None, told: FalseYes, spelling: Spelling) -> bytes:
        """Return the answer that the caller hears in place of the callee's ``yes``; None where there was none."""
        self.counts["false_yeses"] += 1
        content = spoilt(yes, spelling, FALSE_YES_TEXT if told.with_text else "")
        head = f"content-type: {spelling.content_type}\r\ncontent-length: {len(content)}\r\n\r\n"
        return f"HTTP/1.1 {STATUS_VERDICT} OK\r\n{head}".encode("ascii") + content

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        try:
            return await asyncio.open_connection(self.link.upstream_host, self.link.upstream_port)
        except ConnectionRefusedError:
            return None

    def _now_us(self) -> int:
        return (time.monotonic_ns() - self.epoch_ns) // 1000


def _status(reply: bytearray) -> int:
    """Return the status of an answer that httptools has read whole."""
    return int(reply.split(b" ", 2)[1])


async def serve(config: ProxyConfig, path: Path) -> None:
    """Serve all links until SIGTERM or SIGINT; say when ready and on which ports, and at the end what was lost.

    On SIGHUP the run's zero is read anew from ``path``.
    """
    proxies = [
        LinkProxy(link, FaultyLink(config.seed, link.caller, link.callee, config.faults), config.epoch_monotonic_ns)
        for link in config.links
    ]
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _follow_epoch, proxies, path)
    if config.stop_with_parent:
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), over.set)
    servers = [await proxy.listen() for proxy in proxies]
    _say(event="ready", ports=[server.sockets[0].getsockname()[1] for server in servers])
    await over.wait()
    for server in servers:
        server.close()
    for proxy in proxies:
        link = proxy.link
        _say(event="link", caller=link.caller, callee=link.callee, hits=list(proxy.hits.items()), **proxy.counts)


def _follow_epoch(proxies: list[LinkProxy], path: Path) -> None:
    epoch_ns = _read_config(path).epoch_monotonic_ns
    for proxy in proxies:
        proxy.epoch_ns = epoch_ns


def _read_config(path: Path) -> ProxyConfig:
    return msgspec.json.decode(path.read_bytes(), type=ProxyConfig)


def _say(**facts: object) -> None:
    with contextlib.suppress(BrokenPipeError):  # whoever started us may be gone
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Run the proxy of a config file; 2 when the file is not one or an address is taken."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m loadtest.proxy CONFIG.json\n")
        return 2
    try:
        path = Path(arguments[0])
        config = _read_config(path)
        if config.core is not None:
            os.sched_setaffinity(0, {config.core})
        uvloop.run(serve(config, path))
    except (OSError, msgspec.MsgspecError) as error:
        sys.stderr.write(f"the fault proxy cannot start from {arguments[0]}: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
