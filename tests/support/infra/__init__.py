"""Terraform and the languages of Google Cloud: CEL, PromQL, gcloud, log filters."""
