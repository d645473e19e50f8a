# One environment's pipeline: who it is, what it may do, and what starts it.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id  = "example-prod"
  environment = "prod"
  region      = "europe-west1"
  approvers   = { releases = "group:releases@example.com" }
  github      = { repository = "example/functions", ref = "refs/tags/v*" }
  trigger = {
    repository        = "projects/example-prod/locations/europe-west1/connections/github/repositories/functions"
    tag               = "^v"
    approval_required = true
    images = {
      python    = "python:3.12@sha256:1111111111111111111111111111111111111111111111111111111111111111"
      gcloud    = "cli:stable@sha256:2222222222222222222222222222222222222222222222222222222222222222"
      terraform = "terraform:1.14@sha256:3333333333333333333333333333333333333333333333333333333333333333"
    }
    substitutions = { _ALIAS = "production" }
  }
}

run "least_roles" {
  command = apply

  module {
    source = "./modules/delivery"
  }

  assert {
    condition = keys(google_project_iam_member.pipeline) == [
      "roles/cloudbuild.builds.viewer",
      "roles/cloudfunctions.developer",
      "roles/iam.serviceAccountUser",
      "roles/logging.logWriter",
      "roles/monitoring.editor",
      "roles/serviceusage.serviceUsageAdmin",
    ]
    error_message = "expected these roles without a condition, and no others"
  }

  assert {
    condition     = google_project_iam_member.grants.condition[0].expression == "api.getAttribute(\"iam.googleapis.com/modifiedGrantsByRole\", []).hasOnly([\"roles/artifactregistry.writer\",\"roles/logging.logWriter\",\"roles/storage.objectViewer\"])"
    error_message = "expected the pipeline to grant what builds need, and nothing else"
  }

  assert {
    condition     = endswith(google_project_iam_member.own.condition[0].expression, " || resource.name.startsWith(\"projects/_/buckets/example-prod-prod-\")")
    error_message = "expected rights on the buckets of infra/ alone"
  }

  assert {
    condition     = !contains([for permission in google_project_iam_custom_role.pipeline.permissions : startswith(permission, "storage.objects.") || permission == "storage.buckets.delete" || permission == "iam.serviceAccounts.setIamPolicy"], true)
    error_message = "expected no right to touch objects, to delete buckets or to hand out accounts"
  }

  assert {
    condition     = google_project_iam_member.sources.condition[0].expression == "resource.name.startsWith(\"projects/_/buckets/example-prod-prod-sources\")"
    error_message = "expected bundles to be what it writes"
  }

  assert {
    condition     = endswith(google_storage_bucket_iam_member.state.condition[0].expression, "resource.name.startsWith(\"projects/_/buckets/example-prod-terraform/objects/tflite-functions/\")")
    error_message = "expected the state of bootstrap to be out of its reach"
  }

  assert {
    condition     = google_service_account_iam_member.token.role == "roles/iam.serviceAccountOpenIdTokenCreator" && google_project_iam_member.smoke.role == "roles/run.invoker"
    error_message = "expected identity tokens of an account that calls functions, and no access tokens"
  }

  assert {
    condition     = google_project_iam_member.approver["releases"].role == "roles/cloudbuild.builds.approver" && google_project_iam_member.approver["releases"].member == "group:releases@example.com"
    error_message = "expected the approvers to be those who are named"
  }
}

run "buckets" {
  command = plan

  module {
    source = "./modules/delivery"
  }

  assert {
    condition     = toset(keys(google_storage_bucket.bucket)) == toset(["example-prod-terraform", "example-prod-delivery"])
    error_message = "expected the names that cloudbuild.yaml has by default"
  }

  assert {
    condition     = alltrue([for bucket in values(google_storage_bucket.bucket) : bucket.versioning[0].enabled && bucket.public_access_prevention == "enforced"])
    error_message = "expected a state that can be read as it was, and by nobody else"
  }
}

run "trigger_of_prod" {
  command = apply

  module {
    source = "./modules/delivery"
  }

  assert {
    condition     = google_cloudbuild_trigger.delivery[0].approval_config[0].approval_required
    error_message = "expected nothing to run before it is approved"
  }

  assert {
    condition     = google_cloudbuild_trigger.delivery[0].service_account == google_service_account.pipeline.id
    error_message = "expected builds to run as the pipeline's own account"
  }

  assert {
    condition     = google_cloudbuild_trigger.delivery[0].repository_event_config[0].push[0].tag == "^v" && google_cloudbuild_trigger.delivery[0].ignored_files == null
    error_message = "expected every tag to be a delivery"
  }

  assert {
    condition     = google_cloudbuild_trigger.delivery[0].substitutions["_ENVIRONMENT"] == "prod" && google_cloudbuild_trigger.delivery[0].substitutions["_ALIAS"] == "production" && google_cloudbuild_trigger.delivery[0].substitutions["_REGISTRY"] == "gs://example-prod-prod-models"
    error_message = "expected the substitutions of the environment, and those that are given"
  }

  assert {
    condition     = endswith(google_cloudbuild_trigger.delivery[0].substitutions["_PYTHON_IMAGE"], "1111")
    error_message = "expected images by digest"
  }
}

run "trigger_of_staging" {
  command = plan

  module {
    source = "./modules/delivery"
  }

  variables {
    environment = "staging"
    trigger = {
      repository = "projects/example-prod/locations/europe-west1/connections/github/repositories/functions"
      branch     = "^main$"
      images = {
        python    = "python:3.12@sha256:1111111111111111111111111111111111111111111111111111111111111111"
        gcloud    = "cli:stable@sha256:2222222222222222222222222222222222222222222222222222222222222222"
        terraform = "terraform:1.14@sha256:3333333333333333333333333333333333333333333333333333333333333333"
      }
    }
  }

  assert {
    condition     = google_cloudbuild_trigger.delivery[0].ignored_files == tolist(["**/*.md", "docs/**"]) && !google_cloudbuild_trigger.delivery[0].approval_config[0].approval_required
    error_message = "expected every push that changes more than prose to be delivered, unasked"
  }
}

run "github" {
  command = apply

  module {
    source = "./modules/delivery"
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.github[0].attribute_condition == "assertion.repository == \"example/functions\" && assertion.ref.startsWith(\"refs/tags/v\") && assertion.environment == \"prod\""
    error_message = "expected one repository, its release tags, and the environment that has reviewers"
  }

  assert {
    condition     = google_service_account_iam_member.github[0].role == "roles/iam.workloadIdentityUser" && endswith(google_service_account_iam_member.github[0].member, "/attribute.repository/example/functions")
    error_message = "expected that repository to be the pipeline"
  }
}

run "github_on_a_branch" {
  command = plan

  module {
    source = "./modules/delivery"
  }

  variables {
    github = { repository = "example/functions", ref = "refs/heads/main" }
  }

  assert {
    condition     = strcontains(google_iam_workload_identity_pool_provider.github[0].attribute_condition, "assertion.ref == \"refs/heads/main\"")
    error_message = "expected that branch, and none whose name begins so"
  }
}

run "nothing_that_starts_it" {
  command = plan

  module {
    source = "./modules/delivery"
  }

  variables {
    github  = null
    trigger = null
  }

  assert {
    condition     = length(google_cloudbuild_trigger.delivery) == 0 && length(google_iam_workload_identity_pool.github) == 0
    error_message = "expected neither a trigger nor a pool"
  }
}

run "more_roles_are_given" {
  command = plan

  module {
    source = "./modules/delivery"
  }

  variables {
    more_roles = ["roles/compute.loadBalancerAdmin"]
  }

  assert {
    condition     = contains(keys(google_project_iam_member.pipeline), "roles/compute.loadBalancerAdmin")
    error_message = "expected the role that an option of infra/ needs"
  }
}

run "environment_with_a_dash" {
  command = plan
  module { source = "./modules/delivery" }
  variables { environment = "pre-prod" }
  expect_failures = [var.environment]
}

run "prefix_of_the_state" {
  command = plan
  module { source = "./modules/delivery" }
  variables { bucket_prefix = "example-prod" }
  expect_failures = [var.bucket_prefix]
}

run "granting_what_grants" {
  command = plan
  module { source = "./modules/delivery" }
  variables { grantable_roles = ["roles/iam.serviceAccountTokenCreator"] }
  expect_failures = [var.grantable_roles]
}

run "raising_its_own_rights" {
  command = plan
  module { source = "./modules/delivery" }
  variables { more_roles = ["roles/resourcemanager.projectIamAdmin"] }
  expect_failures = [var.more_roles]
}

run "repository_that_is_not_connected" {
  command = plan
  module { source = "./modules/delivery" }
  variables {
    trigger = {
      repository        = "https://github.com/example/functions"
      tag               = "^v"
      approval_required = true
      images = {
        python    = "python@sha256:1111111111111111111111111111111111111111111111111111111111111111"
        gcloud    = "cli@sha256:2222222222222222222222222222222222222222222222222222222222222222"
        terraform = "terraform@sha256:3333333333333333333333333333333333333333333333333333333333333333"
      }
    }
  }
  expect_failures = [var.trigger]
}

run "branch_and_tag" {
  command = plan
  module { source = "./modules/delivery" }
  variables {
    trigger = {
      repository        = "projects/p/locations/l/connections/c/repositories/r"
      branch            = "^main$"
      tag               = "^v"
      approval_required = true
      images = {
        python    = "python@sha256:1111111111111111111111111111111111111111111111111111111111111111"
        gcloud    = "cli@sha256:2222222222222222222222222222222222222222222222222222222222222222"
        terraform = "terraform@sha256:3333333333333333333333333333333333333333333333333333333333333333"
      }
    }
  }
  expect_failures = [var.trigger]
}

run "image_by_tag" {
  command = plan
  module { source = "./modules/delivery" }
  variables {
    trigger = {
      repository        = "projects/p/locations/l/connections/c/repositories/r"
      tag               = "^v"
      approval_required = true
      images = {
        python    = "python:3.12"
        gcloud    = "cli@sha256:2222222222222222222222222222222222222222222222222222222222222222"
        terraform = "terraform@sha256:3333333333333333333333333333333333333333333333333333333333333333"
      }
    }
  }
  expect_failures = [var.trigger]
}

run "prod_unasked" {
  command = plan
  module { source = "./modules/delivery" }
  variables {
    trigger = {
      repository = "projects/p/locations/l/connections/c/repositories/r"
      tag        = "^v"
      images = {
        python    = "python@sha256:1111111111111111111111111111111111111111111111111111111111111111"
        gcloud    = "cli@sha256:2222222222222222222222222222222222222222222222222222222222222222"
        terraform = "terraform@sha256:3333333333333333333333333333333333333333333333333333333333333333"
      }
    }
  }
  expect_failures = [var.trigger]
}

run "every_repository_of_an_owner" {
  command = plan
  module { source = "./modules/delivery" }
  variables { github = { repository = "example/*", ref = "refs/heads/main" } }
  expect_failures = [var.github]
}

run "every_ref" {
  command = plan
  module { source = "./modules/delivery" }
  variables { github = { repository = "example/functions", ref = "*" } }
  expect_failures = [var.github]
}
