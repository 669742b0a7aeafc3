"""A run at rest: what ``run.json`` says, the folder it lies in, and a folder opened for reading.

Plain data. It must never compute a measure, and never start a run.
"""
