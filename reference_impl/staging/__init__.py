"""From a scenario to a world about to run: node configurations, the books' opening, link faults, the timetable.

Both worlds are staged here, so they cannot differ. It may use every room of the settlement system but ``server``. It
must never let time pass.
"""
