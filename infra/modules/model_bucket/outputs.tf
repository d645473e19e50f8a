output "name" {
  description = "Name of the bucket."

  # The id is the name, but unknown while the bucket is made anew: so what is in it, and who may read
  # it, is made anew with it, and not a plan later. A text that is formatted is known not to be null.
  value = format("%s", google_storage_bucket.models.id)
}

output "registry" {
  description = "What MODEL_REGISTRY and `--registry` take."
  value       = "gs://${google_storage_bucket.models.name}"
}
