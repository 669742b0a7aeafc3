"""The command line: ``app`` says what may be typed, ``commands`` do it, ``console`` says how it is told.

Nothing else in the project prints.
"""
