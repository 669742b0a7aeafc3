"""The two worlds as the laboratory runs them, each from a resolved scenario to one checked replication.

``sim`` runs here or in a spawned process, ``load`` starts the real processes. It must never choose what is run.
"""
