"""The steps of an export, which `model_export.pipeline` calls in order."""
