# What images are built as, with the three roles that a build of Cloud Functions needs: without an
# account of one's own it would be the project's default one, which may do nearly everything.

resource "google_service_account" "build" {
  project      = var.project_id
  account_id   = var.account_id
  display_name = var.display_name
  description  = "Builds images: reads sources, writes images and logs."
}

resource "google_project_iam_member" "build" {
  for_each = toset(["roles/artifactregistry.writer", "roles/logging.logWriter"])

  project = var.project_id
  role    = each.value
  member  = google_service_account.build.member
}

resource "google_storage_bucket_iam_member" "build" {
  bucket = var.source_bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}
