"""Messages as rows and back: the one place that knows the order of their columns, shared with ``hot.sql``.

Requests and replies are stored as msgspec bytes: they are read by key and sent again, never searched. Records of every
other kind are laid out by ``layout``.
"""

from __future__ import annotations

import msgspec

from reference_impl.books.sql.layout import Row
from reference_impl.protocol.messages import Reply, Request
from reference_impl.protocol.records import Key, MessageRecord

__all__ = ["MESSAGE_COLUMNS", "message_of", "message_row", "outcome_row"]

MESSAGE_COLUMNS = ("sender", "msgid", "code", "opened_us", "request", "reply", "reversed_by", "withdrawn")
"""The columns of a message beside its serial number, in the order of ``message_row``."""

_encode = msgspec.msgpack.Encoder().encode
_decode_request = msgspec.msgpack.Decoder(Request).decode
_decode_reply = msgspec.msgpack.Decoder(Reply).decode


def message_row(message: MessageRecord) -> Row:
    """Return the columns of a message."""
    request, reply = message.request, message.reply
    return (
        message.key.sender,
        message.key.msgid,
        message.code,
        message.opened_us,
        None if request is None else _encode(request),
        None if reply is None else _encode(reply),
        message.reversed_by,
        1 if message.withdrawn else 0,
    )


def outcome_row(message: MessageRecord) -> Row:
    """Return what is new of a message that is given its outcome, and its key."""
    reply = None if message.reply is None else _encode(message.reply)
    return reply, message.reversed_by, 1 if message.withdrawn else 0, message.key.msgid, message.key.sender


def message_of(row: Row) -> MessageRecord:
    """Return the message of a row."""
    sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn = row
    return MessageRecord(
        Key(sender, msgid),
        code,
        opened_us,
        None if request is None else _decode_request(request),
        None if reply is None else _decode_reply(reply),
        reversed_by,
        withdrawn == 1,
    )
