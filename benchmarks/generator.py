"""What the generator takes for a message, beside a bare ``FastHttpUser`` that posts the same bytes and hears the same.

    PYTHONPATH=. python benchmarks/generator.py

Pharmacy visits are lived by the real journeys: protocol, codec, connection, record and Locust's own statistics are in.
The system is a program on another core that answers each transaction with what a real one once said, so that it is
never what is waited for. The bare user is Locust's own, in a process of its own, and posts the requests of one such
visit over and over. Both keep ``IN_FLIGHT`` messages under way; rounds take turns at being first. What is printed is
messages for each second of the generator's CPU, median of the rounds, and the ratio within rounds. A minute.

    PYTHONPATH=. python benchmarks/generator.py --journeys

does the generator's part alone against a canned system that it starts, for a profiler.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 5
IN_FLIGHT = 32
WARM_UP, MESSAGES = 3_000, 30_000
ARMS = ("journeys", "bare")
_CODE = re.compile(rb'"infno":\s*"(\d{4})"')


def scenario() -> Any:
    """Return a country whose every visit is to a pharmacy."""
    from scenarios.schema import Scenario  # noqa: PLC0415 - the bare user loads none of ours

    return Scenario.model_validate(
        {
            "name": "pharmacies",
            "horizon": {"length": "1d"},
            "visits": {
                "per_day": 20_000,
                "local_per_cross": 0,
                "mix": {"outpatient": 0, "pharmacy": 1, "inpatient": 0},
            },
            "topology": {"regions": [33, 63]},
        }
    )


def main() -> None:
    """Print what each arm makes of a second of CPU."""
    from lab.calibration.machine import describe_machine, versions  # noqa: PLC0415 - as above

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        subprocess.run([sys.executable, __file__, "record", place], check=True)
        found: dict[str, list[float]] = {arm: [] for arm in ARMS}
        with canned(folder) as port:
            for number in range(ROUNDS):
                for arm in ARMS if number % 2 == 0 else ARMS[::-1]:
                    found[arm].append(measured(arm, folder, port))
        size = sum(len(one["request"]) + len(one["answer"]) for one in told(folder)) / len(told(folder))
    print(f"{describe_machine(Path.cwd())}; {versions()}; {ROUNDS} rounds of {MESSAGES} messages of {size:.0f} bytes")
    for arm in ARMS:
        print(f"{arm:10} {statistics.median(found[arm]):8.0f} messages a CPU-second")
    ratios = [mine / bare for mine, bare in zip(found["journeys"], found["bare"], strict=True)]
    print(f"journeys / bare: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def measured(arm: str, folder: Path, port: int) -> float:
    """Return messages for each second of CPU of one process."""
    done = subprocess.run(
        [sys.executable, __file__, arm, str(folder), str(port)], check=True, capture_output=True, text=True
    )
    return float(done.stdout.splitlines()[-1])


# --- the canned system ---


def told(folder: Path) -> list[dict[str, str]]:
    """Return what one visit asked and was answered."""
    return json.loads((folder / "told.json").read_text())


@contextmanager
def canned(folder: Path) -> Iterator[int]:
    """Have the canned system serve on the first core; yield its port."""
    process = subprocess.Popen([sys.executable, __file__, "serve", str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None  # asked for a pipe
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def serve(folder: Path) -> None:
    """Answer each request by its transaction, until ended."""
    import uvloop  # noqa: PLC0415 - this process alone

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    answers = {one["code"].encode(): one["answer"].encode("latin-1") for one in told(folder)}

    class Answering(asyncio.Protocol):
        """One connection, whose other end sends a request and waits."""

        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            found = _CODE.search(data)
            if found is not None:
                self.transport.write(answers[found[1]])

    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    uvloop.run(forever())


# --- the arms ---


def record(folder: Path) -> None:
    """Live one visit against real roles, and write down what was said."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "loadtest" / "stories"))
    from fake_system import FakeSystem  # noqa: PLC0415 - behind Locust's patches

    from loadtest.gevent_ports import GeventClock  # noqa: PLC0415 - as above

    said: list[dict[str, str]] = []

    def heard(_: str, content: bytes, answer: bytes) -> bytes:
        found = _CODE.search(content)
        assert found is not None  # our own client writes it
        said.append({"code": found[1].decode(), "request": content.decode(), "answer": answer.decode("latin-1")})
        return answer

    with FakeSystem(scenario(), GeventClock(time.monotonic_ns()), spoil=heard) as system:
        live, _ = journeys(system.urls)
        live(0)
    (folder / "told.json").write_text(json.dumps(said))


def journeys(urls: dict[str, dict[str, str]]) -> tuple[Any, Any]:
    """Return what lives a visit by its number, and the record that it writes."""
    import gevent  # noqa: PLC0415 - behind Locust's patches
    from locust.env import Environment  # noqa: PLC0415

    from loadtest.client import GeventPeers  # noqa: PLC0415 - as above
    from loadtest.gevent_ports import GeventClock  # noqa: PLC0415
    from loadtest.inputs import NodeFacts, SystemFile  # noqa: PLC0415
    from loadtest.journeys import Journeys, LoadHistory  # noqa: PLC0415
    from loadtest.run import business_clock  # noqa: PLC0415
    from loadtest.so_far import SoFar  # noqa: PLC0415
    from reference_impl.staging.build import stamps_of  # noqa: PLC0415
    from reference_impl.wire.speech import Speech  # noqa: PLC0415
    from scenarios.patients.visits import plan_visits  # noqa: PLC0415
    from scenarios.record.recorder import Recorder  # noqa: PLC0415

    class Hurried(GeventClock):
        """A clock by which nobody takes time at a desk."""

        async def sleep_us(self, duration_us: int) -> None:
            """Let the others have their turn."""
            del duration_us
            gevent.sleep(0)

    world = scenario()
    environment, recorder, clock = Environment(), Recorder(), Hurried(time.monotonic_ns())
    environment.create_local_runner()
    history = LoadHistory(recorder, stamps_of(world), environment.stats, SoFar(0))
    system = SystemFile(time.monotonic_ns(), {node: NodeFacts(facts["url"]) for node, facts in urls.items()})
    peers = GeventPeers(system, Speech((), business_clock(world)), clock, environment.events.request)
    lived = Journeys(world, plan_visits(world), clock, peers, history)

    def live(number: int) -> None:
        lived.live(number)
        if lived.errors:
            raise SystemExit(lived.errors[0])

    return live, recorder


def live_journeys(folder: Path, port: int) -> None:
    """Print messages a CPU-second of journeys."""
    from gevent.pool import Pool  # noqa: PLC0415 - behind Locust's patches

    take_core()
    live, recorder = journeys(
        {node: {"url": f"http://127.0.0.1:{port}/{node}"} for node in scenario().topology.nodes()}
    )
    gc.collect()
    gc.freeze()  # as a run does before it begins
    visits = iter(range(1_000_000))
    each = len(told(folder))

    def lived(messages: int) -> None:
        pool = Pool(IN_FLIGHT)
        for _ in range(messages // each):
            pool.spawn(live, next(visits))
        pool.join()

    lived(WARM_UP)
    before_s = time.process_time()
    lived(MESSAGES)
    used_s = time.process_time() - before_s
    rows = recorder.frames()["messages"].height
    expected = (WARM_UP // each + MESSAGES // each) * each
    if rows != expected:
        raise SystemExit(f"{rows} messages were written down of {expected}; the figures would mean nothing")
    print(MESSAGES / used_s)


def post_bare(folder: Path, port: int) -> None:
    """Print messages a CPU-second of Locust's own fast user."""
    from gevent.pool import Pool  # noqa: PLC0415 - behind Locust's patches
    from locust.contrib.fasthttp import FastHttpUser  # noqa: PLC0415
    from locust.env import Environment  # noqa: PLC0415

    take_core()
    environment = Environment()
    environment.create_local_runner()
    sent = [(one["code"], one["request"].encode()) for one in told(folder)]

    class Bare(FastHttpUser):
        host = f"http://127.0.0.1:{port}"

    users = [Bare(environment) for _ in range(IN_FLIGHT)]
    gc.collect()
    gc.freeze()

    def posted(user: Bare, times: int) -> None:
        for _ in range(times):
            for code, content in sent:
                answer = user.client.post("/33", data=content, headers={"Content-Type": "application/json"}, name=code)
                if answer.status_code != 200:  # noqa: PLR2004 - HTTP's own
                    raise SystemExit(f"{code} came back with {answer.status_code}")

    def all_posted(messages: int) -> None:
        pool = Pool()
        for user in users:
            pool.spawn(posted, user, messages // IN_FLIGHT // len(sent))
        pool.join()

    all_posted(WARM_UP)
    before_s, before = time.process_time(), environment.stats.total.num_requests
    all_posted(MESSAGES)
    used_s = time.process_time() - before_s
    print((environment.stats.total.num_requests - before) / used_s)


def take_core() -> None:
    """Stay on another core than the canned system, where there is one."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def profiled() -> None:
    """Live journeys against a canned system of our own, in this process, for a profiler that looks at it."""
    with tempfile.TemporaryDirectory() as place:
        subprocess.run([sys.executable, __file__, "record", place], check=True)
        with canned(Path(place)) as port:
            live_journeys(Path(place), port)


if __name__ == "__main__":
    part, place, port = (*sys.argv[1:], "", "", "")[:3]
    if part in ("record", "journeys", "bare", "--journeys"):
        os.environ.setdefault("GEVENT_BACKEND", "select")
        import locust  # noqa: F401  # pyright: ignore[reportUnusedImport] - patches the standard library
    match part:
        case "record":
            record(Path(place))
        case "serve":
            serve(Path(place))
        case "journeys":
            live_journeys(Path(place), int(port))
        case "bare":
            post_bare(Path(place), int(port))
        case "--journeys":
            profiled()
        case _:
            main()
