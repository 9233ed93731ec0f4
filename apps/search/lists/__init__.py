"""Lists of queries, answered in one go into one table."""
