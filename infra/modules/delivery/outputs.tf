output "pipeline_account" {
  description = "Email of the account that delivers."
  value       = google_service_account.pipeline.email
}

output "pipeline_member" {
  description = "The same as IAM has it, for who grants it something elsewhere."
  value       = google_service_account.pipeline.member
}

output "rollback_account" {
  description = "Email of the account that takes releases back."
  value       = google_service_account.rollback.email
}

output "smoke_account" {
  description = "Email of the account whose identity token is shown to functions."
  value       = google_service_account.smoke.email
}

output "state_bucket" {
  description = "Where the state of infra/ is."
  value       = google_storage_bucket.bucket[local.state_bucket].name
}

output "delivery_bucket" {
  description = "Where runs keep plans and reports, and where trained models wait to be exported."
  value       = google_storage_bucket.bucket[local.kept_bucket].name
}

output "registry" {
  description = "Where models are published; infra/ makes the bucket."
  value       = local.registry
}

output "workload_identity_provider" {
  description = "What google-github-actions/auth takes; null without GitHub."
  value       = one(google_iam_workload_identity_pool_provider.github[*].name)
}

output "signing_key" {
  description = "Version of the key that signs provenance; empty without `signing`."
  value       = local.signing_key
}
