"""Pages and figures: one self-contained HTML file for a run, for two runs side by side, and for a curve.

A page may show only what the run folder holds. It must never compute a verdict: ``lab.analysis.gates`` gave those.
"""
