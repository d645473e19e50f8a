# The registry's bucket: private, versioned, and closed to changes of what was published.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id = "example-project"
  name       = "example-models"
  location   = "europe-west1"
}

run "options" {
  command = plan

  module {
    source = "./modules/model_bucket"
  }

  variables {
    location         = "EU"
    dual_region      = ["EUROPE-WEST1", "EUROPE-WEST4"]
    kms_key_name     = "projects/p/locations/europe/keyRings/r/cryptoKeys/k"
    retention_days   = 2
    retention_locked = true
    soft_delete_days = 0
    log_bucket       = "example-logs"
  }

  assert {
    condition     = google_storage_bucket.models.encryption[0].default_kms_key_name == "projects/p/locations/europe/keyRings/r/cryptoKeys/k"
    error_message = "expected the key"
  }

  assert {
    condition     = google_storage_bucket.models.custom_placement_config[0].data_locations == toset(["EUROPE-WEST1", "EUROPE-WEST4"])
    error_message = "expected the two regions"
  }

  assert {
    condition     = !google_storage_bucket.models.versioning[0].enabled
    error_message = "expected no versioning beside retention"
  }

  assert {
    condition     = tonumber(google_storage_bucket.models.retention_policy[0].retention_period) == 172800 && google_storage_bucket.models.retention_policy[0].is_locked
    error_message = "expected two days of retention, locked"
  }
}

run "made" {
  command = apply

  module {
    source = "./modules/model_bucket"
  }

  variables {
    writers = { pipeline = "serviceAccount:pipeline@example-project.iam.gserviceaccount.com" }
    readers = {
      people   = "group:science@example.com"
      company  = "domain:example.com"
      cluster  = "serviceAccount:example-project.svc.id.goog[default/reader]"
      pipeline = "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/attribute.repository/example/models"
      one      = "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/me"
    }
  }

  assert {
    condition     = google_storage_bucket.models.uniform_bucket_level_access
    error_message = "expected uniform bucket-level access"
  }

  assert {
    condition     = google_storage_bucket.models.public_access_prevention == "enforced"
    error_message = "expected public access to be prevented"
  }

  assert {
    condition     = google_storage_bucket.models.versioning[0].enabled
    error_message = "expected versioning, for a former alias to be readable"
  }

  assert {
    condition     = google_storage_bucket.models.soft_delete_policy[0].retention_duration_seconds == 604800
    error_message = "expected a week of soft delete"
  }

  assert {
    condition     = !google_storage_bucket.models.force_destroy
    error_message = "expected a bucket with models to survive terraform destroy"
  }

  assert {
    condition     = length(google_storage_bucket.models.encryption) == 0 && length(google_storage_bucket.models.retention_policy) == 0
    error_message = "expected no key and no retention rule unless they are asked for"
  }

  assert {
    condition = anytrue([
      for rule in google_storage_bucket.models.lifecycle_rule :
      one(rule.action).type == "Delete" && one(rule.condition).days_since_noncurrent_time == 30 && one(rule.condition).with_state == "ARCHIVED"
    ])
    error_message = "expected noncurrent versions, and nothing live, to be deleted after a month"
  }

  assert {
    condition     = toset([for binding in google_storage_bucket_iam_member.writer : binding.role]) == toset(["roles/storage.objectViewer", "roles/storage.objectCreator"])
    error_message = "expected writers to look and to create, and not to replace"
  }

  assert {
    condition     = google_storage_bucket_iam_member.aliases["pipeline"].condition[0].expression == "resource.name.extract(\"/aliases/{name}.json\") != \"\" && resource.name.extract(\"/aliases/{name}.json/\") == \"\" && resource.name.endsWith(\".json\") && resource.name.extract(\"/versions/{rest}\") == \"\""
    error_message = "expected the right to replace to hold for aliases alone, and not for a file of a version that is called like one"
  }

  assert {
    condition     = google_storage_bucket_iam_member.reader["people"].role == "roles/storage.objectViewer"
    error_message = "expected readers to read, and no more"
  }
}

run "the_same_place_in_other_letters" {
  command = plan
  module { source = "./modules/model_bucket" }
  variables { location = "EUROPE-WEST1" }
}

run "another_region" {
  command = plan
  module { source = "./modules/model_bucket" }
  variables { location = "europe-west4" }
  expect_failures = [google_storage_bucket.models]
}

run "another_name" {
  command = plan
  module { source = "./modules/model_bucket" }
  variables { name = "example-other" }
  expect_failures = [google_storage_bucket.models]
}

run "two_regions" {
  command = plan
  module { source = "./modules/model_bucket" }
  variables {
    location    = "EU"
    dual_region = ["EUROPE-WEST1", "EUROPE-WEST4"]
  }
  expect_failures = [google_storage_bucket.models]
}

run "name" {
  command = plan
  module { source = "./modules/model_bucket" }
  variables { name = "Example.Models" }
  expect_failures = [var.name]
}

run "one_region_of_two" {
  command = plan
  module { source = "./modules/model_bucket" }
  variables { dual_region = ["EUROPE-WEST1"] }
  expect_failures = [var.dual_region]
}

run "key_with_a_version" {
  command = plan
  module { source = "./modules/model_bucket" }
  variables { kms_key_name = "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1" }
  expect_failures = [var.kms_key_name]
}

run "noncurrent_days" {
  command = plan
  module { source = "./modules/model_bucket" }
  variables { noncurrent_days = 0 }
  expect_failures = [var.noncurrent_days]
}

run "noncurrent_versions" {
  command = plan
  module { source = "./modules/model_bucket" }
  variables { noncurrent_versions = 0.5 }
  expect_failures = [var.noncurrent_versions]
}

run "soft_delete_days" {
  command = plan
  module { source = "./modules/model_bucket" }
  variables { soft_delete_days = 3 }
  expect_failures = [var.soft_delete_days]
}

run "retention_days" {
  command = plan
  module { source = "./modules/model_bucket" }
  variables { retention_days = 0 }
  expect_failures = [var.retention_days]
}

run "readers_by_address_alone" {
  command = plan
  module { source = "./modules/model_bucket" }
  variables { readers = { me = "me@example.com" } }
  expect_failures = [var.readers]
}

run "readers_by_an_unknown_kind" {
  command = plan
  module { source = "./modules/model_bucket" }
  variables { readers = { me = "users:me@example.com" } }
  expect_failures = [var.readers]
}

run "readers_under_no_name" {
  command = plan
  module { source = "./modules/model_bucket" }
  variables { readers = { "on call" = "user:me@example.com" } }
  expect_failures = [var.readers]
}

run "writers_by_address_alone" {
  command = plan
  module { source = "./modules/model_bucket" }
  variables { writers = { me = "me@example.com" } }
  expect_failures = [var.writers]
}

run "writers_by_an_unknown_kind" {
  command = plan
  module { source = "./modules/model_bucket" }
  variables { writers = { me = "users:me@example.com" } }
  expect_failures = [var.writers]
}

run "writers_under_no_name" {
  command = plan
  module { source = "./modules/model_bucket" }
  variables { writers = { "on call" = "user:me@example.com" } }
  expect_failures = [var.writers]
}
