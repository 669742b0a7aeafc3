"""What a message costs on this machine: the runs that measure it, and the machine they ran on.

It may start the real world. It must never fit to a latency.
"""
