"""What ships, and what it is made of: a wheel built twice alike, a bill of its parts (SBOM), known weaknesses, sums.

    .venv/bin/python .ci/supply.py DIR

leaves in DIR the wheel, the bill (CycloneDX JSON, from ``requirements/run.txt``) and ``SHA256SUMS``. Its tools are
pinned in ``requirements/supply.txt`` and get an environment of their own, which is thrown away. Nothing of this is
ever committed. Where nobody tells of weaknesses that fact is printed and is no pass; with ``YIDI_NEED_AUDIT`` set it
is an error.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "requirements" / "run.txt"
AUDITED = tuple(ROOT / "requirements" / f"{name}.txt" for name in ("run", "dev", "supply"))
KNOWN_BAD = ("jinja2", "2.11.2")
"""Known since 2021 to be weak (PYSEC-2021-66): whoever does not tell of this one tells of none."""
NEED_AUDIT = "YIDI_NEED_AUDIT"
AUDIT_TIMEOUT_S = 15
_NO_HASH = f"--hash=sha256:{'0' * 64}"  # nothing is fetched: pip-audit wants one in order not to resolve
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class SupplyError(Exception):
    """What ships is not what it should be; the text says what, and what was expected."""


Parts = dict[tuple[str, str], frozenset[str]]
"""Hashes by name and version: a package may be pinned twice, for older and newer Pythons."""


def pins(text: str) -> Parts:
    """Return what a file of requirements pins, for whichever Python."""
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text)
    return {(match[1], match[2]): frozenset(_HASH.findall(block)) for block in blocks if (match := _PIN.search(block))}


def parts(bill: Mapping[str, Any]) -> Parts:
    """Return what a bill lists."""
    return {(part["name"], part["version"]): _hashes(part) for part in bill["components"]}


def _hashes(part: Mapping[str, Any]) -> frozenset[str]:
    places = part.get("externalReferences", ())
    return frozenset(said["content"] for place in places for said in place.get("hashes", ()))


def check_bill(bill: Mapping[str, Any], pinned: str) -> None:
    """Hold a bill against the file that it was made of.

    Raises:
        SupplyError: naming the packages that differ.

    """
    listed, wanted = parts(bill), pins(pinned)
    differ = sorted("==".join(one) for one in listed.keys() | wanted.keys() if listed.get(one) != wanted.get(one))
    if differ or not wanted:
        raise SupplyError(f"the bill of parts differs from the pinned file in {differ or 'everything'}")


def rounds(pinned: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Return all that is pinned as lists to ask for, none of which names a package twice."""
    asked: list[dict[str, str]] = []
    for name, version in sorted(set(pinned)):
        free = next((one for one in asked if name not in one), None)
        if free is None:
            asked.append(free := {})
        free[name] = version
    return asked


def known_weak(report: Mapping[str, Any]) -> list[str]:
    """Return what pip-audit found, a line each."""
    return [
        f"{one['name']} {one['version']}: {weakness['id']}, mended in {weakness['fix_versions'] or 'no version'}"
        for one in report["dependencies"]
        for weakness in one.get("vulns", ())
    ]


def unasked(report: Mapping[str, Any]) -> list[str]:
    """Return the packages that pip-audit passed over; it says of those, too, that nothing is known."""
    return [one["name"] for one in report["dependencies"] if "skip_reason" in one]


def judge(reports: Sequence[Mapping[str, Any] | None], canary: Mapping[str, Any] | None) -> str:
    """Return why there is no answer, or nothing when there is one and it is clean.

    Raises:
        SupplyError: naming each known weakness.

    """
    said = [report for report in reports if report is not None]
    if weak := [line for report in said for line in known_weak(report)]:
        raise SupplyError("known weaknesses of what is pinned:\n" + "\n".join(weak))
    if len(said) < len(reports) or canary is None:
        return "the advisory service does not answer"
    if passed_over := [name for report in said for name in unasked(report)]:
        return f"the advisory service does not know {len(passed_over)} of the packages, {passed_over[0]} among them"
    if not known_weak(canary):
        return f"the advisory service does not tell of {' '.join(KNOWN_BAD)}, whose weakness is long known"
    return ""


def audit(tools: Path, scratch: Path) -> None:
    """Ask for known weaknesses of all that is pinned, and say so where nobody could be asked.

    Raises:
        SupplyError: for a weakness, or for no answer where one is needed.

    """
    pinned = [one for file in AUDITED for one in pins(file.read_text(encoding="utf-8"))]
    reports = [_ask(tools, scratch, asked) for asked in rounds(pinned)]
    why = judge(reports, _ask(tools, scratch, dict([KNOWN_BAD])))
    if why and os.environ.get(NEED_AUDIT):
        raise SupplyError(f"not audited: {why}; {NEED_AUDIT} is set, so that is an error")
    print(f"NOT AUDITED: {why}. On a machine that reaches one: {NEED_AUDIT}=1 .ci/run" if why else "audited: clean")


def _ask(tools: Path, scratch: Path, packages: Mapping[str, str]) -> Mapping[str, Any] | None:
    asked, report = scratch / "asked.txt", scratch / "audit.json"
    report.unlink(missing_ok=True)
    asked.write_text("".join(f"{name}=={version} {_NO_HASH}\n" for name, version in packages.items()), encoding="ascii")
    how = ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--timeout", str(AUDIT_TIMEOUT_S)]
    named = ["-r", asked, "-f", "json", "-o", report]
    subprocess.run([tools / "pip-audit", *named, *how], capture_output=True, check=False)
    return json.loads(report.read_bytes()) if report.exists() else None


def make_tools(folder: Path) -> Path:
    """Make the environment of the tools; return where its programs are."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [folder / "bin" / "pip", "install", "-q", "--no-deps", "-r", ROOT / "requirements" / "supply.txt"]
    subprocess.run(pip, check=True)
    subprocess.run([folder / "bin" / "pip", "check"], check=True, stdout=subprocess.DEVNULL)
    return folder / "bin"


def make_bill(tools: Path, into: Path) -> None:
    """Write the bill of what is pinned to run yidi: valid by the schema of CycloneDX, the same at each making.

    Raises:
        SupplyError: when it lists something else.

    """
    told = ["--pyproject", ROOT / "pyproject.toml", "--output-reproducible", "--short-PURLs", "--validate", "-o", into]
    subprocess.run([tools / "cyclonedx-py", "requirements", PINS, *told], check=True, capture_output=True)
    check_bill(json.loads(into.read_bytes()), PINS.read_text(encoding="utf-8"))


def make_wheel(scratch: Path, into: Path) -> Path:
    """Build the wheel from the files that git knows, twice in unlike surroundings; return where the one lies.

    Raises:
        SupplyError: when the two differ by a byte.

    """
    moment = _git("log", "-1", "--format=%ct").strip()
    made: list[Path] = []
    for name, zone, mask in (("here", "UTC", 0o022), ("elsewhere-and-later", "Asia/Shanghai", 0o077)):
        source, out = scratch / name / "yidi", scratch / name / "out"
        _copy_tracked(source, mask)
        surroundings = {**os.environ, "SOURCE_DATE_EPOCH": moment, "TZ": zone, "PYTHONHASHSEED": str(mask)}
        built = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, source]
        subprocess.run(built, check=True, capture_output=True, env=surroundings, umask=mask)
        made += out.glob("*.whl")
    first, second = made
    if first.read_bytes() != second.read_bytes():
        raise SupplyError(f"two builds of one commit differ: {sha256(first)} and {sha256(second)}")
    return Path(shutil.copy(first, into))


def _copy_tracked(folder: Path, mask: int) -> None:
    for name in _git("ls-files", "-z").rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            copy = folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy)
            copy.chmod(0o666 & ~mask)


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def sha256(file: Path) -> str:
    """Return the sum of a file, as ``sha256sum`` prints it."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def main(into: Path) -> None:
    """Leave in ``into`` what ships."""
    into.mkdir(parents=True, exist_ok=True)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    bill = into / f"yidi-{version}.cdx.json"
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        tools = make_tools(scratch / "tools")
        make_bill(tools, bill)
        wheel = make_wheel(scratch, into)
        audit(tools, scratch)
    sums = "".join(f"{sha256(file)}  {file.name}\n" for file in (bill, wheel))
    (into / "SHA256SUMS").write_text(sums, encoding="ascii")
    print(f"{wheel.name}: built twice, the same bytes; {bill.name}: valid, {len(pins(PINS.read_text()))} parts\n{sums}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder]:
            try:
                main(Path(folder))
            except SupplyError as error:
                sys.exit(str(error))
        case _:
            print("say where to leave what ships: .ci/supply.py DIR", file=sys.stderr)
            sys.exit(2)
