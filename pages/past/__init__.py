"""What happened, run again: replays, recordings, drills and trials of rules, for the command line and for pages.

This stands at the top of the house beside `app.py`, because feeds, rules and pages meet here as they meet there.
"""
