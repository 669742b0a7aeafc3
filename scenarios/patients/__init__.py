"""Who falls ill where, insured where, and what it costs: the same planned visits for both worlds.

``visits`` is the door. Behind it: places (``provinces``, ``institutions``, ``flows``), people (``population``,
``people``), time (``arrivals``, ``streams``) and money (``catalogue``, ``policies``, ``fees_plan``).
Must never depend on how a run goes.
"""
