# Entries of models that are Cloud Run services: the rest of infra/ does not care which.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id  = "example-project"
  region      = "europe-west1"
  environment = "staging" # in prod services are protected, also from the end of a test
  bundle      = "main.tf"
  models = {
    digits = {
      platform = "service"
      models   = ["digits"]
      ingress  = "ALLOW_INTERNAL_AND_GCLB"
      invokers = { web = "serviceAccount:web@example-project.iam.gserviceaccount.com" }
      service  = { startup_probe = "ready", regions = ["europe-west1", "us-east1"] }
    }
    flowers = { models = ["iris"], ingress = "ALLOW_INTERNAL_AND_GCLB" }
    birds   = { platform = "service", models = ["birds"], secret_volumes = { "/secrets/tls" = { secret = "tls" } } }
  }
}

run "a_service_beside_a_function" {
  command = apply

  override_resource {
    target = module.service["digits us-east1"].google_cloud_run_v2_service.service
    values = { uri = "https://digits-abc-ue.a.run.app" }
  }

  assert {
    condition     = toset(keys(module.function)) == toset(["flowers"]) && toset(keys(module.service)) == toset(["birds", "digits", "digits us-east1"])
    error_message = "expected each entry on its platform, and a service in each of its regions"
  }

  assert {
    condition     = toset(keys(output.urls)) == toset(["birds", "digits", "flowers"]) && toset(keys(output.console)) == toset(["birds", "digits", "flowers"]) && output.environments["digits"].MODEL_REGISTRY == output.registry
    error_message = "expected outputs of both alike, and one registry for all"
  }

  assert {
    condition     = toset(keys(output.console["digits"])) == toset(["europe-west1", "us-east1"]) && toset(keys(output.console["flowers"])) == toset(["europe-west1"]) && startswith(output.console["digits"]["us-east1"].logs, "https://console.cloud.google.com/run/detail/us-east1/digits/logs?")
    error_message = "expected pages of each region"
  }

  assert {
    condition = jsonencode(output.functions) == jsonencode({
      birds   = { regions = { europe-west1 = "https://digits-abc-ew.a.run.app" }, url = "https://digits-abc-ew.a.run.app" }
      digits  = { regions = { europe-west1 = "https://digits-abc-ew.a.run.app", us-east1 = "https://digits-abc-ue.a.run.app" }, url = "https://digits-abc-ew.a.run.app" }
      flowers = { regions = { europe-west1 = "https://digits-abc-ew.a.run.app" }, url = "https://digits-abc-ew.a.run.app" }
    })
    error_message = "expected the URL of each function in each of its regions"
  }

  assert {
    condition     = alltrue([for name in ["birds", "digits", "flowers"] : anytrue([for alert in output.alerts : strcontains(alert, name)])])
    error_message = "expected both to be watched"
  }

  assert {
    condition     = length(toset([for service in values(module.service) : service.service_account])) >= 1 && local.service_accounts["digits"] == null && can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", local.service_accounts["digits us-east1"]))
    error_message = "expected an account of its own in each region, because accounts have no region"
  }

  assert {
    condition     = join(" ", local.regions["digits"]) == "europe-west1 us-east1" && join(" ", local.regions["birds"]) == "europe-west1"
    error_message = "expected the regions that are watched"
  }

  assert {
    condition     = google_artifact_registry_repository.images[0].repository_id == "services-staging" && startswith(module.service["digits us-east1"].image, "europe-west1-docker.pkg.dev/example-project/services-staging/digits:")
    error_message = "expected one repository for the images of all regions"
  }
}

run "no_repository_and_no_right_unless_needed" {
  command = plan

  variables {
    monitoring = { enabled = false }
    models     = { flowers = { models = ["iris"], vpc = { subnetwork = "projects/host/regions/europe-west1/subnetworks/functions" } } }
  }

  assert {
    condition     = length(google_artifact_registry_repository.images) == 0 && length(module.service) == 0
    error_message = "expected nothing of services where there are none"
  }

  assert {
    condition     = length(google_compute_subnetwork_iam_member.cloud_run) == 0
    error_message = "expected no grant in another project unless asked for"
  }
}

run "a_repository_that_is_there" {
  command = plan

  variables {
    monitoring        = { enabled = false }
    models            = { birds = { platform = "service", models = ["birds"], service = { invoker_iam_disabled = true } } }
    docker_repository = "projects/example-project/locations/europe/repositories/images"
  }

  assert {
    condition     = length(google_artifact_registry_repository.images) == 0 && startswith(module.service["birds"].image, "europe-docker.pkg.dev/example-project/images/birds:")
    error_message = "expected the repository that was given"
  }
}

run "a_public_name_is_an_audience_and_a_host_lends_its_network" {
  command = apply

  # A function of its own URL, which must be one that no run before has made.
  override_resource {
    target = module.function["tulips"].google_cloudfunctions2_function.function
    values = { state = "ACTIVE", service_config = { uri = "https://tulips-abc-ew.a.run.app" } }
  }

  variables {
    monitoring = { enabled = false }
    models = {
      digits = { platform = "service", models = ["digits"], ingress = "ALLOW_INTERNAL_AND_GCLB", vpc = { subnetwork = "projects/host/regions/europe-west1/subnetworks/functions" } }
      tulips = { models = ["iris"], ingress = "ALLOW_INTERNAL_AND_GCLB", vpc = { subnetwork = "projects/host/regions/europe-west1/subnetworks/functions" } }
      own    = { models = ["iris"], vpc = { subnetwork = "projects/example-project/regions/europe-west1/subnetworks/own" } }
      near   = { models = ["iris"], vpc = { network = "default" } }
      none   = { models = ["iris"] }
    }
    public_edge = {
      hosts = { "api.example.com" = { function = "digits", paths = { "/tulips" = "tulips" } } }
    }
    grant_shared_subnetworks = true
  }

  assert {
    condition     = output.audiences == tomap({ "https://api.example.com" = "https://api.example.com", "https://api.example.com/tulips" = "https://tulips-abc-ew.a.run.app" })
    error_message = "expected a token for a service to be made out to its public name, and one for a function to the function's URL"
  }

  assert {
    condition     = jsonencode(local.public_names) == jsonencode({ digits = ["https://api.example.com"] })
    error_message = "expected the service to know its public name, in each region"
  }

  assert {
    condition     = length(google_compute_subnetwork_iam_member.cloud_run) == 1
    error_message = "expected one right, for the one subnetwork of another project"
  }

  assert {
    condition = alltrue([for right in values(google_compute_subnetwork_iam_member.cloud_run) :
      right.project == "host" && right.region == "europe-west1" && right.subnetwork == "functions" && right.role == "roles/compute.networkUser" && right.member == "serviceAccount:service-123456789012@serverless-robot-prod.iam.gserviceaccount.com"
    ])
    error_message = "expected this project's account of Cloud Run to be let in by the host project"
  }
}

run "no_token_is_asked_for_in_prod" {
  command = plan

  variables {
    environment = "prod"
    models      = { birds = { platform = "service", models = ["birds"], service = { invoker_iam_disabled = true } } }
  }

  expect_failures = [var.models]
}

run "an_unknown_platform" {
  command = plan

  variables {
    models = { birds = { platform = "run", models = ["birds"] } }
  }

  expect_failures = [var.models]
}

run "a_function_with_what_only_services_have" {
  command = plan

  variables {
    models = { birds = { models = ["birds"], service = { session_affinity = true } } }
  }

  expect_failures = [var.models]
}

run "a_gpu" {
  command = plan

  variables {
    models = { birds = { platform = "service", models = ["birds"], service = { gpu = "nvidia-l4" } } }
  }

  expect_failures = [var.models]
}

run "regions_without_that_of_the_registry" {
  command = plan

  variables {
    models = { birds = { platform = "service", models = ["birds"], service = { regions = ["us-east1"] } } }
  }

  expect_failures = [var.models]
}

run "several_regions_and_one_subnetwork" {
  command = plan

  variables {
    models = { birds = { platform = "service", models = ["birds"], vpc = { subnetwork = "s" }, service = { regions = ["europe-west1", "us-east1"] } } }
  }

  expect_failures = [var.models]
}
