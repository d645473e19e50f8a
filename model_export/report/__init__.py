"""The export report as a document (JSON) and as a page (HTML)."""
