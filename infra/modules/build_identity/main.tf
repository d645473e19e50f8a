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

data "google_project" "project" {
  project_id = var.project_id
}

# Cloud Functions copies the zip into a bucket of its own, and builds from there. That bucket is not
# there before the first function is, so the right is the project's, narrowed by the bucket's name.
resource "google_project_iam_member" "copies" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member

  condition {
    title       = "sources of functions"
    description = "The buckets in which Cloud Functions keeps what it builds from."
    expression  = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-${data.google_project.project.number}-\")"
  }
}

resource "google_storage_bucket_iam_member" "build" {
  bucket = var.source_bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}
