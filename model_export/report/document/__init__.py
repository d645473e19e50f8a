"""The report as data: what ``report.json`` holds."""
