"""Who may see which survey: classes, requests and grants, and what was read.

`permits.permit` alone decides, for pages, tiles, statistics, exports and interfaces alike; `grants` holds requests
and decisions, `reads` writes down who read what.
"""
