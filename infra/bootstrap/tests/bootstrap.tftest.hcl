# Two pipelines, in projects of their own: prod takes over what staging serves.

mock_provider "google" {
  source = "../tests/mocks"
}

variables {
  environments = {
    staging = { project_id = "example-staging" }
    prod    = { project_id = "example-prod", from = "staging" }
  }
}

run "prod_reads_the_models_of_staging" {
  command = plan

  assert {
    condition     = keys(google_project_iam_member.takes_over) == ["prod"] && google_project_iam_member.takes_over["prod"].project == "example-staging" && google_project_iam_member.takes_over["prod"].role == "roles/storage.objectViewer"
    error_message = "expected prod to read in the project of staging, and nobody else anywhere"
  }

  assert {
    condition     = google_project_iam_member.takes_over["prod"].condition[0].expression == "resource.name == \"projects/_/buckets/example-staging-staging-models\" || resource.name.startsWith(\"projects/_/buckets/example-staging-staging-models/\")"
    error_message = "expected that bucket to be all that it reads, and none whose name begins with its own"
  }

  assert {
    condition     = output.pipelines["prod"].FROM_REGISTRY == output.pipelines["staging"].REGISTRY && output.pipelines["staging"].FROM_REGISTRY == ""
    error_message = "expected prod to release from where staging publishes"
  }
}

run "another_prefix" {
  command = plan

  variables {
    environments = {
      staging = { project_id = "example-staging", bucket_prefix = "acme-ml" }
      prod    = { project_id = "example-prod", from = "staging" }
    }
  }

  assert {
    condition     = output.pipelines["prod"].FROM_REGISTRY == "gs://acme-ml-models" && output.pipelines["staging"].REGISTRY == "gs://acme-ml-models"
    error_message = "expected one name for one bucket"
  }
}

run "bucket_of_the_state_is_there_already" {
  command = plan

  override_resource {
    target = module.delivery["staging"].google_storage_bucket.bucket["example-staging-terraform"]
    values = { location = "EU" }
  }

  variables {
    environments = {
      staging = { project_id = "example-staging", import_state = true }
      prod    = { project_id = "example-prod", from = "staging" }
    }
  }

  assert {
    condition     = output.pipelines["staging"].STATE_BUCKET == "example-staging-terraform"
    error_message = "expected it to be taken over under its name"
  }
}

run "one_project_for_two" {
  command = plan
  variables {
    environments = {
      staging = { project_id = "example" }
      prod    = { project_id = "example", from = "staging" }
    }
  }
  expect_failures = [var.environments]
}

run "from_nowhere" {
  command = plan
  variables {
    environments = { staging = { project_id = "example", from = "dev" } }
  }
  expect_failures = [var.environments]
}

run "prod_that_exports" {
  command = plan
  variables {
    environments = { prod = { project_id = "example" } }
  }
  expect_failures = [var.environments]
}
