"""From a YAML file to a resolved scenario, and from anything wrong with it to one clear error with its place.

``loader`` is the door. Must never fill in what a scenario means: defaults and descriptions are the schema's.
"""
