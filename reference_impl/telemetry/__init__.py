"""What the running system tells those who watch it: spans of messages, and a log.

Nobody's number, name or money may be in either; a message's own id may, which says nothing without the books.
"""
