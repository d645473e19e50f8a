# What images are built as.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id    = "example-project"
  account_id    = "functions-build"
  display_name  = "Builds"
  source_bucket = "example-sources"
}

run "three_roles" {
  command = apply

  module {
    source = "./modules/build_identity"
  }

  assert {
    condition     = keys(google_project_iam_member.build) == ["roles/artifactregistry.writer", "roles/logging.logWriter"]
    error_message = "expected two roles on the project"
  }

  assert {
    condition     = google_project_iam_member.copies.role == "roles/storage.objectViewer" && strcontains(google_project_iam_member.copies.condition[0].expression, "/buckets/gcf-v2-sources-")
    error_message = "expected the copies that Cloud Functions builds from to be read, and no other bucket"
  }

  assert {
    condition     = google_storage_bucket_iam_member.build.role == "roles/storage.objectViewer" && google_storage_bucket_iam_member.build.bucket == "example-sources"
    error_message = "expected sources to be read, and no more"
  }

  assert {
    condition     = alltrue([for binding in values(google_project_iam_member.build) : binding.member == output.member])
    error_message = "expected the roles to be the account's"
  }
}

run "account_id" {
  command = plan
  module { source = "./modules/build_identity" }
  variables { account_id = "build" }
  expect_failures = [var.account_id]
}
