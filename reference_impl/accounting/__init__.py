"""What agencies do with the books afterwards: statements, reconciliation (对账), clearing (清算), declarations.

Batches over columns. They take statements and give differences, entries and tables; a node never imports this room, and
this room never changes a node's books: a correction is an entry of its own.
"""
