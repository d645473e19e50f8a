# What a whole environment promises, planned against the provider's real schema without a cloud.

mock_provider "google" {
  source = "./tests/mocks"
}

# Not prod where anything is applied: `terraform test` could not destroy what prod protects.
variables {
  project_id  = "example-project"
  region      = "europe-west1"
  environment = "dev"
  bundle      = "main.tf"
  publishers  = { pipeline = "serviceAccount:pipeline@example-project.iam.gserviceaccount.com" }
  models = {
    digits = {
      models   = ["digits"]
      invokers = { web = "serviceAccount:web@example-project.iam.gserviceaccount.com" }
    }
    flowers = {
      models = ["iris@production", "iris@staging"]
      cpu    = "2"
      memory = "2Gi"
    }
  }
}

run "two_functions_that_are_watched" {
  command = apply

  assert {
    condition     = toset(keys(output.urls)) == toset(["digits", "flowers"])
    error_message = "expected one function for each entry of models"
  }

  assert {
    condition     = output.environments["flowers"].MODELS == "iris@production,iris@staging"
    error_message = "expected MODELS to be the entry's models"
  }

  assert {
    condition     = output.environments["digits"].MODEL_REGISTRY == output.registry
    error_message = "expected functions to read where the pipeline publishes"
  }

  assert {
    condition     = length(module.edge) == 0 && output.public_edge == null && output.audiences == {}
    error_message = "expected no load balancer, which costs while nobody asks"
  }

  assert {
    condition     = !contains(keys(google_project_service.needed), "compute.googleapis.com")
    error_message = "expected no API that only the load balancer needs"
  }

  assert {
    condition     = toset(output.alerts) == toset(["error_ratio", "latency_p95", "latency_p99", "cold_starts", "instances", "load_failures", "availability_fast_burn", "availability_slow_burn", "latency_fast_burn", "latency_slow_burn", "refused digits", "refused flowers"])
    error_message = "expected the functions of models to get their alerts without being asked for"
  }

  assert {
    condition     = startswith(output.dashboard, "https://console.cloud.google.com/monitoring/dashboards/builder/")
    error_message = "expected a page that shows them"
  }

  assert {
    condition     = !contains(keys(google_project_service.needed), "billingbudgets.googleapis.com")
    error_message = "expected no API that only a budget needs"
  }
}

run "no_public_function_in_prod" {
  command = plan

  variables {
    environment = "prod"
    models      = { digits = { models = ["digits"], public = true } }
  }

  expect_failures = [var.models]
}

run "no_function_at_all" {
  command = plan

  variables {
    models = {}
  }

  expect_failures = [var.models]
}

run "an_unknown_environment" {
  command = plan

  variables {
    environment = "production"
  }

  expect_failures = [var.environment]
}

run "a_zone_for_a_region" {
  command = plan

  variables {
    region = "europe-west1-b"
  }

  expect_failures = [var.region]
}

run "a_project_by_its_number" {
  command = plan

  variables {
    project_id = "123456789012"
  }

  expect_failures = [var.project_id]
}

run "a_public_edge_with_a_key_and_nothing_watched" {
  command = apply

  # A function of its own URL, which must be one that no run before has made.
  override_resource {
    target = module.function["tulips"].google_cloudfunctions2_function.function
    values = { service_config = { uri = "https://tulips-abc-ew.a.run.app" } }
  }

  variables {
    models = {
      digits = { models = ["digits"], ingress = "ALLOW_INTERNAL_AND_GCLB" }
      tulips = { models = ["iris"], ingress = "ALLOW_INTERNAL_AND_GCLB" }
      inside = { models = ["iris"], ingress = "ALLOW_INTERNAL_ONLY" }
      open   = { models = ["digits"], public = true } # which only prod refuses
    }
    public_edge = {
      hosts      = { "api.example.com" = { function = "digits", paths = { "/tulips" = "tulips" } } }
      rate_limit = { requests = 100 }
    }
    kms_key_name      = "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k"
    docker_repository = "projects/p/locations/europe-west1/repositories/images"
    monitoring        = { enabled = false }
  }

  assert {
    condition     = toset(keys(output.public_edge.dns_records)) == toset(["api.example.com"]) && output.public_edge.dns_records["api.example.com"].data == output.public_edge.address
    error_message = "expected the record to set for the name"
  }

  assert {
    condition     = output.audiences == tomap({ "https://api.example.com" = "https://digits-abc-ew.a.run.app", "https://api.example.com/tulips" = "https://tulips-abc-ew.a.run.app" })
    error_message = "expected the audience of a token to be the function's own URL, because Cloud Run knows no other"
  }

  assert {
    condition     = contains(keys(google_project_service.needed), "compute.googleapis.com")
    error_message = "expected the API of load balancers"
  }

  assert {
    condition     = google_kms_crypto_key_iam_member.storage[0].role == "roles/cloudkms.cryptoKeyEncrypterDecrypter" && contains(keys(google_project_service.needed), "cloudkms.googleapis.com")
    error_message = "expected Cloud Storage to get the key before the buckets are made"
  }

  assert {
    condition     = length(module.monitoring) == 0 && output.dashboard == null && length(output.alerts) == 0
    error_message = "expected no metrics, no alerts and no dashboard"
  }
}

run "no_public_function_in_prod_behind_an_edge_either" {
  command = plan

  variables {
    environment = "prod"
    models      = { digits = { models = ["digits"], public = true, ingress = "ALLOW_INTERNAL_AND_GCLB" } }
    public_edge = { hosts = { "api.example.com" = { function = "digits" } } }
  }

  expect_failures = [var.models]
}

run "a_public_edge_to_nothing" {
  command = plan

  variables {
    public_edge = { hosts = { "api.example.com" = { function = "digit" } } }
  }

  expect_failures = [var.public_edge]
}

run "a_public_edge_that_can_be_gone_round" {
  command = plan

  variables {
    models      = { digits = { models = ["digits"], ingress = "ALLOW_ALL" } }
    public_edge = { hosts = { "api.example.com" = { function = "digits" } } }
  }

  expect_failures = [var.public_edge]
}

run "a_public_edge_that_is_shut_out" {
  command = plan

  variables {
    models      = { digits = { models = ["digits"], ingress = "ALLOW_INTERNAL_ONLY" } }
    public_edge = { hosts = { "api.example.com" = { paths = { "/digits" = "digits" } } } }
  }

  expect_failures = [var.public_edge]
}

run "who_is_told_of_what" {
  command = apply

  variables {
    monitoring = {
      emails = { team = "team@example.com" }
      budget = { billing_account = "012345-6789AB-CDEF01", amount = 50 }
      functions = {
        digits  = { thresholds = { error_ratio = 0.01 }, expects = {}, uptime = {} }
        flowers = { alerts = false }
      }
    }
  }

  assert {
    condition     = contains(output.alerts, "no_traffic") && contains(output.alerts, "uptime") && contains(output.alerts, "refused digits") && !contains(output.alerts, "refused flowers")
    error_message = "expected digits to be watched closely, and flowers not to wake anybody"
  }

  assert {
    condition     = length(module.monitoring[0].channels) == 1
    error_message = "expected the team to be told"
  }

  assert {
    condition     = contains(keys(google_project_service.needed), "billingbudgets.googleapis.com")
    error_message = "expected the API of budgets"
  }
}

run "a_function_to_watch_that_there_is_not" {
  command = plan

  variables {
    monitoring = { functions = { digit = { alerts = false } } }
  }

  expect_failures = [var.monitoring]
}

run "a_key_of_another_place" {
  command = plan

  variables {
    kms_key_name      = "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k"
    docker_repository = "projects/p/locations/europe-west1/repositories/images"
    bucket_location   = "EU"
  }

  expect_failures = [var.kms_key_name]
}

run "a_release_and_essential_alerts" {
  command = apply

  variables {
    release = { commit = "0123456789abcdef0123456789abcdef01234567", committed_at = "2026-01-31T23:59:59Z", digest = sha256("zip") }
    models = {
      digits  = { models = ["digits"] }
      flowers = { models = ["digits"], bundle = "versions.tf" }
    }
    monitoring = { alerts = "essential" }
  }

  assert {
    condition     = output.release == var.release
    error_message = "expected what the next delivery is compared with"
  }

  assert {
    condition     = output.environments["digits"]["COMMIT"] == var.release.commit && !contains(keys(output.environments["flowers"]), "COMMIT")
    error_message = "expected functions of the released bundle to know it, and no others"
  }

  assert {
    condition     = toset(output.alerts) == toset(["availability_fast_burn", "load_failures", "refused digits", "refused flowers"])
    error_message = "expected what says that a function does not answer"
  }
}

run "release_without_a_time" {
  command = plan
  variables {
    release = { commit = "0123456789abcdef0123456789abcdef01234567", committed_at = "yesterday", digest = sha256("zip") }
  }
  expect_failures = [var.release]
}

run "publishers_everybody" {
  command = plan
  variables { publishers = { all = "allUsers" } }
  expect_failures = [var.publishers]
}

run "publishers_by_address_alone" {
  command = plan
  variables { publishers = { me = "me@example.com" } }
  expect_failures = [var.publishers]
}

run "publishers_under_no_name" {
  command = plan
  variables { publishers = { "on call" = "user:me@example.com" } }
  expect_failures = [var.publishers]
}
