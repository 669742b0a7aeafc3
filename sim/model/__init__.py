"""What serving costs: stations, hosts, links, disks, desks, and the service times they take from a cost file.

It may use ``engine``. It must never decide what is answered.
"""
