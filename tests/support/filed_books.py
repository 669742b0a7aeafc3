"""The books of a simulated world in files, as a served node keeps them: for whoever reads books from outside."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from reference_impl.books.final import FinalBooks
from reference_impl.books.sql.layout import LAYOUTS
from reference_impl.books.sql.rows import MESSAGE_COLUMNS, message_row
from reference_impl.books.sqlite.opening import make_ready


def file_books(books: Mapping[str, FinalBooks], folder: Path) -> Path:
    """Write the books of every node into a file of ``folder``; return the folder."""
    folder.mkdir(parents=True)
    paths = {node: folder / f"{node}.sqlite" for node in books}
    make_ready(list(paths.values()))
    for node, final in books.items():
        connection = sqlite3.connect(paths[node])
        insert(connection, "messages", MESSAGE_COLUMNS, [message_row(message) for message in final.messages])
        for kind, layout in LAYOUTS.items():
            kept = final.of(kind)
            names = tuple(column.name for column in layout.columns)
            insert(connection, layout.kind.name, names, [layout.row_of(record) for record in kept])
            if layout.child is not None:
                columns = ("serial", "place", *(column.name for column in layout.child.columns))
                rows = [
                    (serial, place, *row)
                    for serial, record in enumerate(kept, start=1)
                    for place, row in enumerate(getattr(record, layout.child.field))
                ]
                insert(connection, layout.child.table, columns, rows)
        connection.commit()
        connection.close()
    return folder


def insert(connection, table, columns, rows):
    names = ", ".join(f'"{name}"' for name in columns)
    marks = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608 - names of the layout
