"""The report: what was tried, what it cost, and why the published candidate was chosen."""
