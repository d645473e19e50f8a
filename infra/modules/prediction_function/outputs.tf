output "url" {
  description = "Where the function answers."
  value       = google_cloudfunctions2_function.function.service_config[0].uri
}

output "name" {
  description = "Name of the function and of its Cloud Run service."
  value       = google_cloudfunctions2_function.function.name
}

output "state" {
  description = "The function's state after the last deployment, which is ACTIVE or the plan fails."
  value       = data.google_cloudfunctions2_function.deployed.state
}

output "service_account" {
  description = "Email of the account that the function runs as."
  value       = google_service_account.function.email
}

output "member" {
  description = "IAM member of that account, for whoever grants it something."
  value       = google_service_account.function.member
}

output "environment" {
  description = "The environment variables of the function, without secrets."
  value       = tomap(merge(local.settings, var.env))
}

output "bundle_object" {
  description = "The zip that is deployed, as an object of its bucket."
  value       = local.source.object
}
