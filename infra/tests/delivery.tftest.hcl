# One environment's pipeline: who it is, what it may do, and what starts it.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id  = "example-prod"
  environment = "prod"
  region      = "europe-west1"
  approvers   = { releases = "group:releases@example.com" }
  rollbackers = { on_call = "group:on-call@example.com" }
  github      = { repository_id = "123456789", owner_id = "1234567", ref = "refs/tags/v*" }
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

run "prod" {
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
    condition     = endswith(google_project_iam_member.own.condition[0].expression, " || resource.name == \"projects/_/buckets/example-prod-prod-models\" || resource.name.startsWith(\"projects/_/buckets/example-prod-prod-models/\") || resource.name == \"projects/_/buckets/example-prod-prod-sources\" || resource.name.startsWith(\"projects/_/buckets/example-prod-prod-sources/\")")
    error_message = "expected rights on the buckets of infra/ alone"
  }

  assert {
    condition     = !contains([for permission in google_project_iam_custom_role.pipeline.permissions : startswith(permission, "storage.objects.") || permission == "storage.buckets.delete" || permission == "iam.serviceAccounts.setIamPolicy"], true)
    error_message = "expected no right to touch objects, to delete buckets or to hand out accounts"
  }

  assert {
    condition     = length(setsubtract([for verb in ["create", "delete", "get", "list", "update"] : "logging.notificationRules.${verb}"], google_project_iam_custom_role.pipeline.permissions)) == 0
    error_message = "expected the right to make alerts on log lines, which Cloud Monitoring makes a rule of Cloud Logging for"
  }

  assert {
    condition     = google_project_iam_member.sources.condition[0].expression == "resource.name == \"projects/_/buckets/example-prod-prod-sources\" || resource.name.startsWith(\"projects/_/buckets/example-prod-prod-sources/\")"
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

  assert {
    condition     = toset(keys(google_storage_bucket.bucket)) == toset(["example-prod-terraform", "example-prod-delivery"])
    error_message = "expected the names that cloudbuild.yaml has by default"
  }

  assert {
    condition     = alltrue([for bucket in values(google_storage_bucket.bucket) : bucket.versioning[0].enabled && bucket.public_access_prevention == "enforced" && bucket.deletion_policy == "PREVENT"])
    error_message = "expected a state that can be read as it was, and by nobody else"
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

  assert {
    condition     = google_iam_workload_identity_pool_provider.github[0].attribute_condition == "assertion.repository_id == \"123456789\" && assertion.repository_owner_id == \"1234567\" && assertion.ref.startsWith(\"refs/tags/v\") && assertion.environment in [\"prod\",\"prod-rollback\"]"
    error_message = "expected one repository by its number, its release tags, and the environments that are told apart below"
  }

  assert {
    condition     = google_service_account_iam_member.github[0].role == "roles/iam.workloadIdentityUser" && endswith(google_service_account_iam_member.github[0].member, "/attribute.environment/prod")
    error_message = "expected the environment that has reviewers to be the pipeline, and no other one"
  }

  assert {
    condition     = google_service_account_iam_member.github_rollback[0].service_account_id == google_service_account.rollback.name && endswith(google_service_account_iam_member.github_rollback[0].member, "/attribute.environment/prod-rollback")
    error_message = "expected the environment without reviewers to take releases back, and nothing else"
  }

  assert {
    condition     = google_kms_crypto_key.provenance[0].purpose == "ASYMMETRIC_SIGN" && google_kms_crypto_key.provenance[0].version_template[0].algorithm == "EC_SIGN_P256_SHA256"
    error_message = "expected a key that signs as delivery/kms.py asks it to"
  }

  assert {
    condition     = google_kms_crypto_key_iam_member.signs[0].role == "roles/cloudkms.signerVerifier" && google_kms_crypto_key_iam_member.signs[0].member == google_service_account.pipeline.member
    error_message = "expected the pipeline to sign with it, and nothing else"
  }

  assert {
    condition     = google_cloudbuild_trigger.delivery[0].substitutions["_SIGNING_KEY"] == "projects/example-prod/locations/europe-west1/keyRings/delivery-prod/cryptoKeys/provenance/cryptoKeyVersions/1"
    error_message = "expected builds to know it"
  }
}

run "trigger_of_staging" {
  command = plan

  module {
    source = "./modules/delivery"
  }

  variables {
    environment = "staging"
    rollbackers = {}
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

run "more_roles_a_key_and_a_branch" {
  command = plan

  module {
    source = "./modules/delivery"
  }

  variables {
    more_roles   = ["roles/compute.loadBalancerAdmin"]
    kms_key_name = "projects/example-prod/locations/europe-west1/keyRings/r/cryptoKeys/k"
    github       = { repository_id = "123456789", owner_id = "1234567", ref = "refs/heads/main" }
  }

  assert {
    condition     = contains(keys(google_project_iam_member.pipeline), "roles/compute.loadBalancerAdmin")
    error_message = "expected the role that an option of infra/ needs"
  }

  assert {
    condition     = alltrue([for bucket in values(google_storage_bucket.bucket) : bucket.encryption[0].default_kms_key_name == var.kms_key_name]) && google_kms_crypto_key_iam_member.storage[0].crypto_key_id == var.kms_key_name
    error_message = "expected both buckets to be encrypted with it, by an account that has it"
  }

  assert {
    condition     = strcontains(google_iam_workload_identity_pool_provider.github[0].attribute_condition, "assertion.ref == \"refs/heads/main\"")
    error_message = "expected that branch, and none whose name begins so"
  }
}

run "environment_with_a_dash" {
  command = plan
  module { source = "./modules/delivery" }
  variables { environment = "pre-prod" }
  expect_failures = [var.environment]
}

run "environment_that_could_be_taken_for_prod" {
  command = plan
  module { source = "./modules/delivery" }
  variables { environment = "production" }
  expect_failures = [var.environment]
}

run "prod_without_signatures" {
  command = plan
  module { source = "./modules/delivery" }
  variables { signing = false }
  expect_failures = [var.signing]
}

run "rollbackers_who_could_deliver" {
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

  expect_failures = [var.rollbackers]
}

run "signatures_by_substitution" {
  command = plan

  module {
    source = "./modules/delivery"
  }

  variables {
    environment = "staging"
    rollbackers = {}
    trigger = {
      repository = "projects/example-prod/locations/europe-west1/connections/github/repositories/functions"
      branch     = "^main$"
      images = {
        python    = "python:3.12@sha256:1111111111111111111111111111111111111111111111111111111111111111"
        gcloud    = "cli:stable@sha256:2222222222222222222222222222222222222222222222222222222222222222"
        terraform = "terraform:1.14@sha256:3333333333333333333333333333333333333333333333333333333333333333"
      }
      substitutions = { _SIGNING_KEY = "" }
    }
  }

  expect_failures = [var.trigger]
}

run "staging_signs_if_asked" {
  command = plan

  module {
    source = "./modules/delivery"
  }

  variables {
    environment = "staging"
    rollbackers = {}
    trigger     = null
  }

  assert {
    condition     = length(google_kms_crypto_key.provenance) == 0
    error_message = "expected no key that cannot be deleted, unless it is asked for"
  }
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

run "repository_by_its_name" {
  command = plan
  module { source = "./modules/delivery" }
  variables { github = { repository_id = "example/functions", owner_id = "1234567", ref = "refs/heads/main" } }
  expect_failures = [var.github]
}

run "every_ref" {
  command = plan
  module { source = "./modules/delivery" }
  variables { github = { repository_id = "123456789", owner_id = "1234567", ref = "*" } }
  expect_failures = [var.github]
}

run "rollback_waits_for_nobody" {
  command = apply

  module {
    source = "./modules/delivery"
  }

  variables {
    trigger = {
      repository        = "projects/example-prod/locations/europe-west1/connections/github/repositories/functions"
      tag               = "^v"
      approval_required = true
      images = {
        python    = "python:3.12@sha256:1111111111111111111111111111111111111111111111111111111111111111"
        gcloud    = "cli:stable@sha256:2222222222222222222222222222222222222222222222222222222222222222"
        terraform = "terraform:1.14@sha256:3333333333333333333333333333333333333333333333333333333333333333"
      }
      substitutions = {
        _ALIAS         = "production"
        _EXPORT_SET    = "model.name=flowers"
        _FROM_REGISTRY = "gs://elsewhere"
        _REGISTRY      = "gs://acme-models"
      }
    }
  }

  assert {
    condition     = length(google_cloudbuild_trigger.rollback[0].approval_config) == 0
    error_message = "expected nothing that holds a rollback back"
  }

  assert {
    condition     = google_cloudbuild_trigger.rollback[0].service_account == google_service_account.rollback.id && google_cloudbuild_trigger.rollback[0].filename == null
    error_message = "expected it to run as an account that moves aliases alone"
  }

  assert {
    condition = google_cloudbuild_trigger.rollback[0].substitutions == tomap({
      _ALIAS        = "production"
      _ENVIRONMENT  = "prod"
      _EXPORT_SET   = "model.name=flowers"
      _PYTHON_IMAGE = var.trigger.images.python
      _REGISTRY     = "gs://acme-models"
    })
    error_message = "expected the model and the registry of the delivery, and nothing that cloudbuild-rollback.yaml does not have"
  }

  assert {
    condition     = google_project_iam_member.rollback_moves.condition[0].expression == "resource.name.startsWith(\"projects/_/buckets/example-prod-prod-models/objects/\") && resource.name.extract(\"/aliases/{name}.json\") != \"\" && resource.name.extract(\"/aliases/{name}.json/\") == \"\" && resource.name.endsWith(\".json\") && resource.name.extract(\"/versions/{rest}\") == \"\""
    error_message = "expected aliases of that bucket to be all that it writes"
  }

  assert {
    condition     = google_project_iam_member.rollbacker["on_call"].member == "group:on-call@example.com" && google_service_account_iam_member.rollbacker["on_call"].service_account_id == google_service_account.rollback.name
    error_message = "expected those who are named to start it as that account, and as no other one"
  }
}

run "trigger_where_the_connection_is" {
  command = plan

  module {
    source = "./modules/delivery"
  }

  variables {
    region = "europe-west4"
  }

  assert {
    condition     = google_cloudbuild_trigger.delivery[0].location == "europe-west1" && google_cloudbuild_trigger.rollback[0].location == "europe-west1" && google_cloudbuild_trigger.delivery[0].substitutions["_REGION"] == "europe-west4"
    error_message = "expected triggers beside their connection, and functions where they are wanted"
  }
}

run "key_of_another_region" {
  command = plan
  module { source = "./modules/delivery" }
  variables { kms_key_name = "projects/example-prod/locations/us-central1/keyRings/r/cryptoKeys/k" }
  expect_failures = [var.kms_key_name]
}

run "approvers_by_address_alone" {
  command = plan
  module { source = "./modules/delivery" }
  variables { approvers = { me = "me@example.com" } }
  expect_failures = [var.approvers]
}

run "approvers_by_an_unknown_kind" {
  command = plan
  module { source = "./modules/delivery" }
  variables { approvers = { me = "users:me@example.com" } }
  expect_failures = [var.approvers]
}

run "approvers_under_no_name" {
  command = plan
  module { source = "./modules/delivery" }
  variables { approvers = { "on call" = "user:me@example.com" } }
  expect_failures = [var.approvers]
}

run "rollbackers_by_address_alone" {
  command = plan
  module { source = "./modules/delivery" }
  variables { rollbackers = { me = "me@example.com" } }
  expect_failures = [var.rollbackers]
}

run "rollbackers_by_an_unknown_kind" {
  command = plan
  module { source = "./modules/delivery" }
  variables { rollbackers = { me = "users:me@example.com" } }
  expect_failures = [var.rollbackers]
}

run "rollbackers_under_no_name" {
  command = plan
  module { source = "./modules/delivery" }
  variables { rollbackers = { "on call" = "user:me@example.com" } }
  expect_failures = [var.rollbackers]
}
