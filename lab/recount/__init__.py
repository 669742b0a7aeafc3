"""A second opinion on finished books: plain SQL over what lies in them, and over what the hospitals heard.

It shares no code with ``lab.checker``, with the decisions of the reference system or with its books: whoever finds a
mistake in one of them must not have made it in the other. It must never write into books.
"""
