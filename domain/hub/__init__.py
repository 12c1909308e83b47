"""Models far away: what a hub tells of them, what to fetch, what to keep."""
