output "name" {
  description = "Name of the bucket."
  value       = google_storage_bucket.models.name
}

output "registry" {
  description = "What MODEL_REGISTRY and `--registry` take."
  value       = "gs://${google_storage_bucket.models.name}"
}
