"""Torture: the very protocol under many faults, each choice on one tape, every law held, a failure made small."""
