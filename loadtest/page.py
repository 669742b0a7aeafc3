"""Locust's own page with tabs for what its tables cannot tell, and with marks of faults and phases in its charts.

Tabs and their tables are what the page offers to whoever extends it. Marks are not, so the script that draws its charts
is served with a few characters more, which add a line a mark; a Locust in which their place is not found draws its
charts as ever. It must never show what ``tables`` does not say.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from flask import Response, request

from loadtest.tables import TABLES, as_csv, marks

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.web import WebUI

    from loadtest.session import Session

    Guard = Callable[[Callable[..., Response]], Callable[..., Any]]

__all__ = ["LINES_OF_LOCUST", "extend_page"]

LINES_OF_LOCUST = "{markLine:Ete(e)}:{}}))"
"""How the pinned Locust's script ends the list of a chart's lines."""
_LINES_OF_OURS = f"{LINES_OF_LOCUST}.concat(window.yidiLines?window.yidiLines(e[n[0].key]):[])"
_SCRIPT = """<script>
window.yidiMarks = %s;
window.yidiLines = points => {
  const top = Math.max(1, ...(points || []).map(point => point.value ? point.value[1] || 0 : point[1] || 0));
  return window.yidiMarks.map((mark, place) => ({
    id: `yidi-${place}`, name: mark.name, type: `line`, silent: true, tooltip: {show: false}, color: `#888888`,
    symbolSize: 1, lineStyle: {type: `dotted`, width: 1.5},
    data: [
      {value: [mark.at, 0]},
      {value: [mark.at, top], label: {show: true, position: `right`, color: `#888888`, formatter: mark.name}},
    ],
  }));
};
setInterval(() => fetch(`./yidi/marks`).then(answer => answer.json())
  .then(marks => { window.yidiMarks = marks; }).catch(() => {}), 1000);
</script></body>"""
"""Marks as lines of their own: the charts of the pinned Locust are built without the part that draws marks."""
_US_PER_S = 1_000_000


def extend_page(page: WebUI, session: Session) -> None:
    """Add our tabs, files and marks; before the page is served."""
    app = page.app
    assert app is not None  # made with the page
    base = (page.environment.parsed_options.web_base_path or "") if page.environment.parsed_options else ""
    page.template_args |= {
        "extended_tabs": [{"title": table.title, "key": table.key} for table in TABLES],
        "extended_tables": [
            {
                "key": table.key,
                "structure": [{"key": key, "title": title} for key, title in table.columns.items()],
            }
            for table in TABLES
        ],
        "extended_csv_files": [
            {"href": f"./yidi/{table.key}.csv", "title": f"Download {table.title.lower()} CSV"} for table in TABLES
        ],
    }

    def file(key: str) -> Response:
        [table] = [one for one in TABLES if one.key == key]
        disposition = {"Content-Disposition": f"attachment;filename=yidi_{key}.csv"}
        return Response(as_csv(table, session), mimetype="text/csv", headers=disposition)

    def at_moments() -> Response:
        return Response(json.dumps(_marks(session)), mimetype="application/json")

    def extended(answer: Response) -> Response:
        return _extended(answer, request.endpoint, session)

    guarded = cast("Guard", page.auth_required_if_enabled)  # pyright: ignore[reportUnknownMemberType] - Locust does not type it
    keys = ",".join(table.key for table in TABLES)
    app.add_url_rule(f"{base}/yidi/<any({keys}):key>.csv", "yidi.file", guarded(file))
    app.add_url_rule(f"{base}/yidi/marks", "yidi.marks", guarded(at_moments))
    app.after_request(extended)


def _extended(answer: Response, endpoint: str | None, session: Session) -> Response:
    if answer.status_code != 200:  # noqa: PLR2004 - of HTTP
        return answer
    if endpoint == "locust.request_stats":
        shown = [{"key": table.key, "data": table.rows(session)} for table in TABLES]
        answer.set_data(json.dumps({**_json(answer), "extended_stats": shown}))
    elif endpoint == "locust.index":
        answer.set_data(answer.get_data(as_text=True).replace("</body>", _SCRIPT % _in_script(_marks(session))))
    elif endpoint == "locust.send_assets" and request.path.endswith(".js"):
        answer.direct_passthrough = False
        answer.set_data(answer.get_data(as_text=True).replace(LINES_OF_LOCUST, _LINES_OF_OURS))
        answer.headers.pop("ETag", None)  # of the script without our line
    return answer


def _json(answer: Response) -> dict[str, Any]:
    return json.loads(answer.get_data())


def _in_script(found: list[dict[str, str]]) -> str:
    """Return JSON that can end no script, whatever the names are."""
    return json.dumps(found).replace("<", "\\u003c")


def _marks(session: Session) -> list[dict[str, str]]:
    run, accepted = session.seen, session.accepted
    if run is None or accepted is None:
        return []
    now_us, now_s = run.now_us, time.time()
    return [
        {"at": _at(now_s - (now_us - mark.at_us) / _US_PER_S), "name": mark.name}
        for mark in marks(accepted.scenario, now_us)
    ]


def _at(moment_s: float) -> str:
    return datetime.fromtimestamp(moment_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
