output "id" {
  description = "As build_config has it: projects/P/serviceAccounts/E."
  value       = google_service_account.build.id

  # Whoever has the account may build at once.
  depends_on = [
    google_project_iam_member.build,
    google_project_iam_member.copies,
    google_storage_bucket_iam_member.build,
  ]
}

output "member" {
  description = "As IAM has it."
  value       = google_service_account.build.member
}
