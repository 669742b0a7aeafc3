"""What a record says: measures, gates, statistics, the cutover read back, comparison; and capacity by arithmetic.

Pure functions over frames and scenarios. It must never start a run, and never print.
"""
