"""Plots of the report, as SVG that takes the page's colours."""
