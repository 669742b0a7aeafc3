"""Audit and supervision (审核稽核): rules over settled business, what they find, money after audit, indicators.

Pure functions over frames, after the run. No node ever loads this room, and it must never change what the books hold.
"""
