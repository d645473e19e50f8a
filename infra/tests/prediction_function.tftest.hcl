# One function: its code by content, its identity, its callers, its settings.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id          = "example-project"
  region              = "europe-west1"
  name                = "digits"
  bundle              = "main.tf"
  source_bucket       = "example-sources"
  model_registry      = "gs://example-models"
  model_bucket        = "example-models"
  models              = ["digits", "digits@staging"]
  deletion_protection = false
}

run "code_settings_and_identity" {
  command = apply

  module {
    source = "./modules/prediction_function"
  }

  variables {
    secrets = { API_KEY = { secret = "api-key" } }
  }

  assert {
    condition     = google_storage_bucket_object.bundle[0].name == "digits/function-${substr(filesha256("main.tf"), 0, 12)}.zip"
    error_message = "expected the object's name to carry the zip's digest"
  }

  assert {
    condition = output.environment == tomap({
      MODEL_REGISTRY          = "gs://example-models"
      MODELS                  = "digits,digits@staging"
      GOOGLE_CLOUD_PROJECT    = "example-project"
      MAX_IN_FLIGHT           = "16"
      REQUEST_TIMEOUT_SECONDS = "55"
    })
    error_message = "expected these variables and no others"
  }

  assert {
    condition     = google_cloudfunctions2_function.function.service_config[0].environment_variables == output.environment
    error_message = "expected the function to get them"
  }

  assert {
    condition     = google_cloudfunctions2_function.function.build_config[0].environment_variables["SOURCE_DATE_EPOCH"] == "315532800"
    error_message = "expected bytecode that file times do not invalidate"
  }

  assert {
    condition     = google_cloudfunctions2_function.function.deletion_policy == "DELETE" && length(terraform_data.protected) == 0
    error_message = "expected a function without protection to be deleted when asked"
  }

  assert {
    condition     = google_storage_bucket_object.bundle[0].deletion_policy == "ABANDON"
    error_message = "expected a former zip to stay, to go back to"
  }

  assert {
    condition     = google_cloudfunctions2_function.function.service_config[0].min_instance_count == 0
    error_message = "expected a function that costs nothing while nobody asks"
  }

  assert {
    condition     = google_storage_bucket_iam_member.models[0].role == "roles/storage.objectViewer" && google_storage_bucket_iam_member.models[0].member == google_service_account.function.member
    error_message = "expected the function to read models"
  }

  assert {
    condition     = one(values(google_secret_manager_secret_iam_member.function)).role == "roles/secretmanager.secretAccessor" && one(values(google_secret_manager_secret_iam_member.function)).secret_id == "api-key"
    error_message = "expected the function to read its secret, and no other"
  }

  assert {
    condition     = google_cloudfunctions2_function.function.service_config[0].service_account_email == google_service_account.function.email
    error_message = "expected the function to run as its own account"
  }

  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.public) == 0 && length(google_cloud_run_v2_service_iam_member.invoker) == 0
    error_message = "expected nobody to be invited by default"
  }
}

run "what_it_is_told" {
  command = plan

  module {
    source = "./modules/prediction_function"
  }

  variables {
    bundle              = "outputs.tf"
    rebuild             = "after the outage of 1 May"
    deletion_protection = null
    invokers            = { web = "serviceAccount:web@example-project.iam.gserviceaccount.com" }
    public              = true
    ingress             = "ALLOW_INTERNAL_ONLY"
    vpc                 = { network = "default", egress = "ALL_TRAFFIC" }
    labels              = { team = "ml" }
    release             = { commit = "0123456789abcdef0123456789abcdef01234567", digest = sha256("zip") }
  }

  assert {
    condition     = google_storage_bucket_object.bundle[0].name != "digits/function-${substr(filesha256("main.tf"), 0, 12)}.zip"
    error_message = "expected a new zip to make a new source object, or nothing would be deployed"
  }

  assert {
    condition     = google_cloudfunctions2_function.function.build_config[0].environment_variables["REBUILD"] == "after the outage of 1 May"
    error_message = "expected another build of the same zip"
  }

  assert {
    condition     = terraform_data.protected[0].triggers_replace == { project = "example-project", region = "europe-west1", name = "digits" }
    error_message = "expected protection against deletion and another place unless it is taken away"
  }

  assert {
    condition     = google_cloud_run_v2_service_iam_member.invoker["web"].role == "roles/run.invoker" && google_cloud_run_v2_service_iam_member.invoker["web"].name == "digits"
    error_message = "expected the role on the Cloud Run service, where it counts"
  }

  assert {
    condition     = google_cloud_run_v2_service_iam_member.public[0].member == "allUsers"
    error_message = "expected everybody, who was asked for by name"
  }

  assert {
    condition     = google_cloudfunctions2_function.function.service_config[0].direct_vpc_egress == "VPC_EGRESS_ALL_TRAFFIC" && google_cloudfunctions2_function.function.service_config[0].direct_vpc_network_interface[0].network == "default"
    error_message = "expected direct egress through the network"
  }

  assert {
    condition     = google_cloudfunctions2_function.function.service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY"
    error_message = "expected requests from inside alone"
  }

  assert {
    condition     = google_cloudfunctions2_function.function.labels == tomap({ team = "ml", commit = "0123456789abcdef0123456789abcdef01234567", bundle-digest = substr(sha256("zip"), 0, 32) })
    error_message = "expected labels that name the commit and the bundle"
  }

  assert {
    condition     = output.environment["COMMIT"] == "0123456789abcdef0123456789abcdef01234567" && output.environment["BUNDLE_DIGEST"] == sha256("zip")
    error_message = "expected the function to know both, because GET / tells them"
  }
}

run "nothing_that_is_there_already_is_made" {
  command = plan

  module {
    source = "./modules/prediction_function"
  }

  variables {
    bundle                = "gs://example-builds/releases/function.zip#1700000000000001"
    build_service_account = { id = "projects/example-project/serviceAccounts/build@example-project.iam.gserviceaccount.com" }
    vpc                   = { subnetwork = "private" }
    secrets               = { KEY = { secret = "key" }, SAME_KEY = { secret = "key" }, OTHER = { secret = "other" } }
    model_registry        = null
    model_bucket          = null
    models                = []
    build_worker_pool     = "projects/p/locations/europe-west1/workerPools/private"
    runtime_updates       = "on_deploy"
  }

  assert {
    condition     = length(google_storage_bucket_object.bundle) == 0 && output.bundle_object == "releases/function.zip"
    error_message = "expected nothing to be uploaded"
  }

  assert {
    condition     = google_cloudfunctions2_function.function.build_config[0].environment_variables["BUNDLE"] == "releases/function.zip#1700000000000001"
    error_message = "expected the build to be told of what, because the provider does not look what Google builds from"
  }

  assert {
    condition     = one(google_cloudfunctions2_function.function.build_config[0].source[0].storage_source) == { bucket = "example-builds", object = "releases/function.zip", generation = 1700000000000001 }
    error_message = "expected the function to be built of that generation of the object"
  }

  assert {
    condition     = length(module.build) == 0
    error_message = "expected no account beside the one that is shared"
  }

  assert {
    condition     = google_cloudfunctions2_function.function.service_config[0].direct_vpc_network_interface[0].subnetwork == "private" && google_cloudfunctions2_function.function.service_config[0].direct_vpc_egress == "VPC_EGRESS_PRIVATE_RANGES_ONLY"
    error_message = "expected direct egress through the subnetwork"
  }

  assert {
    condition     = length(google_secret_manager_secret_iam_member.function) == 2 && length(google_cloudfunctions2_function.function.service_config[0].secret_environment_variables) == 3
    error_message = "expected one right for each secret, and a value for each variable"
  }

  assert {
    condition     = length(setintersection(keys(output.environment), ["MODEL_REGISTRY", "MODELS"])) == 0
    error_message = "expected the bundle to say what it carries"
  }

  assert {
    condition     = length(google_storage_bucket_iam_member.models) == 0
    error_message = "expected a function without a bucket to have no rights on one"
  }

  assert {
    condition     = google_cloudfunctions2_function.function.build_config[0].worker_pool == var.build_worker_pool
    error_message = "expected the pool to build"
  }

  assert {
    condition     = length(google_cloudfunctions2_function.function.build_config[0].on_deploy_update_policy) == 1
    error_message = "expected patches of the runtime with builds alone"
  }
}

run "a_deployment_that_failed" {
  command = apply

  module {
    source = "./modules/prediction_function"
  }

  override_data {
    target = data.google_cloudfunctions2_function.deployed
    values = { state = "FAILED" }
  }

  expect_failures = [data.google_cloudfunctions2_function.deployed]
}

run "a_connector_and_files_of_secrets" {
  command = plan

  module {
    source = "./modules/prediction_function"
  }

  variables {
    vpc             = { connector = "projects/p/locations/l/connectors/c" }
    name            = "a-name-that-is-nearly-as-long-as-a-name-may-be-49"
    secrets         = { KEY = { secret = "tls" } }
    secret_volumes  = { "/secrets/tls" = { secret = "tls", file = "key.pem" }, "/secrets/other" = { secret = "other", project_id = "security" } }
    runtime_updates = "automatic"
  }

  assert {
    condition     = google_cloudfunctions2_function.function.service_config[0].vpc_connector_egress_settings == "PRIVATE_RANGES_ONLY" && length(google_cloudfunctions2_function.function.service_config[0].direct_vpc_network_interface) == 0
    error_message = "expected egress through the connector"
  }

  assert {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", google_service_account.function.account_id))
    error_message = "expected an account id that IAM takes"
  }

  assert {
    condition = { for volume in google_cloudfunctions2_function.function.service_config[0].secret_volumes : volume.mount_path => "${volume.project_id} ${volume.secret} ${volume.versions[0].path} ${volume.versions[0].version}" } == {
      "/secrets/tls"   = "example-project tls key.pem latest"
      "/secrets/other" = "security other other latest"
    }
    error_message = "expected a folder for each, with one file"
  }

  assert {
    condition     = { for secret in values(google_secret_manager_secret_iam_member.function) : secret.secret_id => secret.project } == { tls = "example-project", other = "security" }
    error_message = "expected one right for each secret, in its own project"
  }

  assert {
    condition     = length(google_cloudfunctions2_function.function.build_config[0].automatic_update_policy) == 1 && length(google_cloudfunctions2_function.function.build_config[0].on_deploy_update_policy) == 0
    error_message = "expected Google to put a new base under the image"
  }
}

run "name_with_a_capital" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { name = "Digits" }
  expect_failures = [var.name]
}

run "no_bundle" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { bundle = "none.zip" }
  expect_failures = [var.bundle]
}

run "a_zip_in_a_bucket_without_its_generation" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { bundle = "gs://example-builds/function.zip" }
  expect_failures = [var.bundle]
}

run "registry_without_scheme" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { model_registry = "example-models" }
  expect_failures = [var.model_registry]
}

run "no_models" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { models = [] }
  expect_failures = [var.models]
}

run "a_model_twice" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { models = ["digits", "digits"] }
  expect_failures = [var.models]
}

run "a_model_that_is_no_name" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { models = ["digits@"] }
  expect_failures = [var.models]
}

run "runtime" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { runtime = "python310" }
  expect_failures = [var.runtime]
}

run "entry_point" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { entry_point = "main" }
  expect_failures = [var.entry_point]
}

run "three_processors" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { cpu = "3" }
  expect_failures = [var.cpu]
}

run "memory_without_unit" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { memory = "512" }
  expect_failures = [var.memory]
}

run "too_much_memory" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { memory = "64Gi" }
  expect_failures = [var.memory]
}

run "memory_for_two_processors" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { memory = "8Gi" }
  expect_failures = [var.memory]
}

run "memory_too_small_for_four" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { cpu = "4" }
  expect_failures = [var.memory]
}

run "concurrency_beyond" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { concurrency = 1001 }
  expect_failures = [var.concurrency]
}

run "concurrency_on_half_a_processor" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { cpu = "0.5" }
  expect_failures = [var.concurrency]
}

run "min_instances" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { min_instances = -1 }
  expect_failures = [var.min_instances]
}

run "fewer_than_min" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables {
    min_instances = 5
    max_instances = 4
  }
  expect_failures = [var.max_instances]
}

run "timeout" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { timeout_seconds = 3601 }
  expect_failures = [var.timeout_seconds]
}

run "ingress" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { ingress = "ALL" }
  expect_failures = [var.ingress]
}

run "invokers_everybody" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { invokers = { all = "allAuthenticatedUsers" } }
  expect_failures = [var.invokers]
}

run "a_secret_in_env" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables {
    env     = { KEY = "a" }
    secrets = { KEY = { secret = "key" } }
  }
  expect_failures = [var.secrets]
}

run "vpc_both" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { vpc = { network = "n", connector = "c" } }
  expect_failures = [var.vpc]
}

run "vpc_egress" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { vpc = { network = "n", egress = "all" } }
  expect_failures = [var.vpc]
}

run "service_account_id" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { service_account_id = "fn" }
  expect_failures = [var.service_account_id]
}

run "build_service_account" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { build_service_account = { id = "build@p.iam.gserviceaccount.com" } }
  expect_failures = [var.build_service_account]
}

run "key_without_repository" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { kms_key_name = "projects/p/locations/l/keyRings/r/cryptoKeys/k" }
  expect_failures = [var.kms_key_name]
}

run "runtime_updates" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { runtime_updates = "daily" }
  expect_failures = [var.runtime_updates]
}

run "a_secret_over_the_code" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { secret_volumes = { "/workspace/secrets" = { secret = "key" } } }
  expect_failures = [var.secret_volumes]
}

run "build_worker_pool" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { build_worker_pool = "private" }
  expect_failures = [var.build_worker_pool]
}

run "invokers_by_address_alone" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { invokers = { me = "me@example.com" } }
  expect_failures = [var.invokers]
}

run "invokers_by_an_unknown_kind" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { invokers = { me = "users:me@example.com" } }
  expect_failures = [var.invokers]
}

run "invokers_under_no_name" {
  command = plan
  module { source = "./modules/prediction_function" }
  variables { invokers = { "on call" = "user:me@example.com" } }
  expect_failures = [var.invokers]
}
