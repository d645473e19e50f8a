# What a whole environment promises, planned against the provider's real schema without a cloud.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id  = "example-project"
  region      = "europe-west1"
  environment = "prod"
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

run "two_functions_in_prod" {
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
}

run "no_public_function_in_prod" {
  command = plan

  variables {
    models = { digits = { models = ["digits"], public = true } }
  }

  expect_failures = [var.models]
}

run "a_public_function_in_dev" {
  command = plan

  variables {
    environment = "dev"
    models      = { digits = { models = ["digits"], public = true } }
  }
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
