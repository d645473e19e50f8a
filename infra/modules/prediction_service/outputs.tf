output "url" {
  description = "Where the service answers."
  value       = google_cloud_run_v2_service.service.uri
}

output "name" {
  description = "Name of the service."
  value       = google_cloud_run_v2_service.service.name
}

output "service_account" {
  description = "Email of the account that the service runs as."
  value       = google_service_account.service.email
}

output "member" {
  description = "IAM member of that account, for whoever grants it something."
  value       = google_service_account.service.member
}

output "environment" {
  description = "The environment variables of the service, without secrets."
  value       = tomap(merge(local.settings, var.env))
}

output "image" {
  description = "The image that runs: built from the bundle, or the one that was given."
  value       = local.image
}

output "revision" {
  description = "The newest revision that is ready, as traffic names it."
  value       = data.google_cloud_run_v2_service.deployed.latest_ready_revision
}

output "state" {
  description = "What has become of the newest revision: CONDITION_SUCCEEDED, or the plan fails with the reason."
  value       = one(data.google_cloud_run_v2_service.deployed.terminal_condition).state
}
