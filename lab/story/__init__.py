"""A visit's story: what one patient met, read from the record of a finished run.

May use the record, the scenario, the analysis and the catalogue of errors. Must never ask which world it was, and never
tell what the record does not say.
"""
