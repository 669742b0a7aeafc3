"""Who is heard: keys of institutions, signatures of their requests and of the replies, and seals of what they ask.

It may use ``domain`` and ``protocol`` alone. It must never say a secret: not in a log, an error, a reply or a record.
"""
