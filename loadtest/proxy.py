"""The fault proxy: sits on links and does to HTTP messages what ``reference_impl.staging.loss`` decides.

``python -m loadtest.proxy CONFIG.json`` serves every faulty link of a scenario until SIGTERM. A lost request is
swallowed and its connection left open, so that the caller's timeout runs out; a lost reply is swallowed after the
callee acted; what is cut stops in its middle, and its connections end. Every connection of a caller has one of its own
to the callee, as it would without the proxy, and so has every copy of a request. It must never send anything twice but
where a fault of duplicates says so, nor change a byte or answer for the callee but where one of false yeses does; it
does say when nobody listens there.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, Protocol

import httptools
import msgspec
import uvloop

from reference_impl.domain.dialects import TODAYS
from reference_impl.domain.nodes import HOSPITAL
from reference_impl.staging.loss import FALSE_YES_TEXT, Cut, Disturbance, FalseYes, FaultyLink, Sent
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
_NO_LINGER = struct.pack("ii", 1, 0)
"""What a socket is told so that its end is a reset."""
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


_Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Line:
    """One caller's connection, and the callee's that stands for it."""

    def __init__(self, caller: asyncio.StreamWriter) -> None:
        self.caller = caller
        self.upstream: _Ends | None = None

    @property
    def callee(self) -> asyncio.StreamWriter | None:
        """Where to write to the callee."""
        return None if self.upstream is None else self.upstream[1]

    def reset(self) -> None:
        """Have both connections end, when they do, by a reset."""
        for writer in self._writers():
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)

    def abort(self) -> None:
        """End both connections."""
        for writer in self._writers():
            writer.transport.abort()

    def _writers(self) -> Iterator[asyncio.StreamWriter]:
        yield self.caller
        if self.callee is not None:
            yield self.callee


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
        """How many crossings each fault hit, by its number."""
        return self._faulty.hits

    async def listen(self) -> asyncio.Server:
        """Open the address that callers use."""
        return await asyncio.start_server(self._accept, self.link.host, self.link.port, backlog=_BACKLOG)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin to serve. Nobody but us holds on to a task that waits for a frozen callee."""
        self._begin(self._serve(reader, writer))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._served.add(task)
        task.add_done_callback(self._served.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one caller's connection until it leaves, a fault ends it or the callee breaks off."""
        line = _Line(writer)
        try:
            while (request := await read_request(reader)) is not None:
                if not await self._carry(line, request):
                    break
        except (OSError, httptools.HttpParserError):
            self.counts["broken"] += 1
        finally:
            # A broken callee is passed on as a broken connection: the caller does not know what became of it.
            line.abort()

    async def _carry(self, line: _Line, request: Message) -> bool:
        """Take one request to the callee, or as far as it comes; return whether the line holds."""
        sent = self._faulty.request(request.msgid, request.code, self._now_us(), len(request.body))
        self.counts["requests"] += 1
        if sent.lost:
            self.counts["lost_requests"] += 1
            return True
        if sent.cut is not None:
            await self._connect(line)
            await self._stop_in_its_middle(line, request, sent.cut, line.callee)
            return False
        await asyncio.sleep(sent.delay_us / _US_PER_S)
        spelling = spelling_of(bytes(request.body), of_hospital=self.link.caller == HOSPITAL)
        if sent.false_yes is not None and sent.turned_back:
            line.caller.write(self._false_yes(None, sent.false_yes, spelling))
            return True
        upstream = await self._connect(line)
        if upstream is None:
            self.counts["refused"] += 1
            line.caller.write(NOBODY_LISTENS)
            return True
        upstream[1].write(request.content)
        if sent.copy_after_us is not None:
            self._begin(self._come_again(request, sent.copy_after_us))
        reply = await read_reply(upstream[0])
        return reply is not None and await self._carry_back(
            line, reply, self._way_back(request, reply, sent, spelling), spelling
        )

    async def _carry_back(self, line: _Line, reply: Message, back: Sent, spelling: Spelling) -> bool:
        """Take a reply to the caller, or as far as it comes; return whether the line holds."""
        if back.lost:
            self.counts["lost_replies"] += 1
            return True
        if back.cut is not None:
            await self._stop_in_its_middle(line, reply, back.cut, line.caller)
            return False
        await asyncio.sleep(back.delay_us / _US_PER_S)
        told = back.false_yes
        line.caller.write(reply.content if told is None else self._false_yes(bytes(reply.body), told, spelling))
        return True

    def _way_back(self, request: Message, reply: Message, sent: Sent, spelling: Spelling) -> Sent:
        """Return what becomes of the reply to a request that went through as ``sent``."""
        yes = sent.false_yes is not None and is_yes(_status(reply.content), bytes(reply.body), spelling)
        return self._faulty.reply(
            request.msgid, request.code, self._now_us(), sent=sent, yes=yes, size_bytes=len(reply.body)
        )

    async def _stop_in_its_middle(
        self, line: _Line, message: Message, cut: Cut, onward: asyncio.StreamWriter | None
    ) -> None:
        """Send half of a message on, where somebody takes it, and wait until the line is to end."""
        self.counts["cut"] += 1
        if onward is not None:
            onward.write(message.content[: len(message.content) // 2])
            await onward.drain()
        await asyncio.sleep(cut.after_us / _US_PER_S)
        if cut.by_reset:
            line.reset()

    async def _come_again(self, request: Message, after_us: int) -> None:
        """Send a request once more, on a connection of its own, and let its answer be heard by nobody."""
        await asyncio.sleep(after_us / _US_PER_S)
        self.counts["copies"] += 1
        with contextlib.suppress(OSError, httptools.HttpParserError):
            upstream = await self._connected()
            if upstream is not None:
                try:
                    upstream[1].write(request.content)
                    await read_reply(upstream[0])
                finally:
                    upstream[1].transport.abort()

    def _false_yes(self, yes: bytes | None, told: FalseYes, spelling: Spelling) -> bytes:
        """Return the answer that the caller hears in place of the callee's ``yes``; None where there was none."""
        self.counts["false_yeses"] += 1
        content = spoilt(yes, spelling, FALSE_YES_TEXT if told.with_text else "")
        head = f"content-type: {spelling.content_type}\r\ncontent-length: {len(content)}\r\n\r\n"
        return f"HTTP/1.1 {STATUS_VERDICT} OK\r\n{head}".encode("ascii") + content

    async def _connect(self, line: _Line) -> _Ends | None:
        """Return the line's connection to the callee, made if there is none; None where nobody listens.

        One that the callee has closed meanwhile is passed over before a byte is written, as its caller would do who
        saw it end: else a callee that died would be a broken line to them, and not one where nobody listens.
        """
        if line.upstream is not None and _is_over(*line.upstream):
            line.upstream[1].transport.abort()
            line.upstream = None
        line.upstream = line.upstream or await self._connected()
        return line.upstream

    async def _connected(self) -> _Ends | None:
        try:
            return await asyncio.open_connection(self.link.upstream_host, self.link.upstream_port)
        except ConnectionRefusedError:
            return None

    def _now_us(self) -> int:
        return (time.monotonic_ns() - self.epoch_ns) // 1000


def _is_over(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Return whether the other side of an idle connection has ended it."""
    return reader.at_eof() or reader.exception() is not None or writer.is_closing()


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
