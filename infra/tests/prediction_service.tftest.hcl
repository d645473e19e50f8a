# One Cloud Run service: what it has beyond a function, and what it has like one.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id        = "example-project"
  region            = "europe-west1"
  name              = "digits"
  bundle            = "main.tf"
  source_bucket     = "example-sources"
  docker_repository = "projects/example-project/locations/europe-west1/repositories/images"
  model_registry    = "gs://example-models"
  model_bucket      = "example-models"
  models            = ["digits", "digits@staging"]

  # What is protected can be planned, and not be destroyed at the end of a test.
  deletion_protection = false
}

run "code_settings_and_probes" {
  command = plan

  module {
    source = "./modules/prediction_service"
  }

  variables {
    deletion_protection = null
  }

  assert {
    condition     = google_storage_bucket_object.bundle[0].name == "digits/europe-west1/function-${substr(filesha256("main.tf"), 0, 12)}.zip" && google_cloud_run_v2_service.service.build_config[0].source_location == "gs://example-sources/${google_storage_bucket_object.bundle[0].name}"
    error_message = "expected the object's name to carry the zip's digest, and the build to read it"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.template[0].containers[0].image == "europe-west1-docker.pkg.dev/example-project/images/digits:${substr(filesha256("main.tf"), 0, 12)}" && google_cloud_run_v2_service.service.build_config[0].image_uri == google_cloud_run_v2_service.service.template[0].containers[0].image
    error_message = "expected another zip to be another image, which makes another revision"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.build_config[0].function_target == "predict" && google_cloud_run_v2_service.service.build_config[0].environment_variables["SOURCE_DATE_EPOCH"] == "315532800" && google_cloud_run_v2_service.service.build_config[0].base_image == "europe-west1-docker.pkg.dev/serverless-runtimes/google-22-full/runtimes/python312"
    error_message = "expected the build of a function, on the runtime's image"
  }

  assert {
    condition = output.environment == tomap({
      MODEL_REGISTRY          = "gs://example-models"
      MODELS                  = "digits,digits@staging"
      GOOGLE_CLOUD_PROJECT    = "example-project"
      MAX_IN_FLIGHT           = "16"
      REQUEST_TIMEOUT_SECONDS = "55"
    })
    error_message = "expected the variables that a function gets, and no others"
  }

  assert {
    condition     = tomap({ for env in google_cloud_run_v2_service.service.template[0].containers[0].env : env.name => env.value }) == output.environment
    error_message = "expected the service to get them"
  }

  assert {
    condition     = length(terraform_data.protected) == 1 && !google_cloud_run_v2_service.service.deletion_protection
    error_message = "expected protection against deletion unless it is taken away"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.template[0].execution_environment == "EXECUTION_ENVIRONMENT_GEN2" && google_cloud_run_v2_service.service.template[0].max_instance_request_concurrency == 16 && google_cloud_run_v2_service.service.template[0].timeout == "60s"
    error_message = "expected the second generation, and as many requests at once as a function takes"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.scaling[0].min_instance_count == 0 && google_cloud_run_v2_service.service.scaling[0].max_instance_count == 10 && google_cloud_run_v2_service.service.template[0].containers[0].resources[0].cpu_idle && google_cloud_run_v2_service.service.template[0].containers[0].resources[0].startup_cpu_boost
    error_message = "expected a service that costs nothing while nobody asks, and starts with more processors"
  }

  assert {
    condition     = [for target in google_cloud_run_v2_service.service.traffic : "${target.type} ${target.percent}"] == ["TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST 100"]
    error_message = "expected the latest revision to answer all"
  }

  assert {
    condition     = !google_cloud_run_v2_service.service.invoker_iam_disabled && length(google_cloud_run_v2_service.service.template[0].volumes) == 0 && length(google_cloud_run_v2_service.service.template[0].vpc_access) == 0
    error_message = "expected nothing that was not asked for"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.template[0].containers[0].startup_probe[0].http_get[0].path == "/v2/health/live" && google_cloud_run_v2_service.service.template[0].containers[0].startup_probe[0].period_seconds == 1 && google_cloud_run_v2_service.service.template[0].containers[0].startup_probe[0].failure_threshold == 60
    error_message = "expected an instance to be started once it answers, within a minute"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.template[0].containers[0].liveness_probe[0].http_get[0].path == "/v2/health/live" && google_cloud_run_v2_service.service.template[0].containers[0].liveness_probe[0].period_seconds == 30
    error_message = "expected a restart of what does not answer, and not of what has no models"
  }
}

run "what_it_is_told" {
  command = plan

  module {
    source = "./modules/prediction_service"
  }

  variables {
    bundle                      = "gs://bundles/function.zip#1700000000000000"
    rebuild                     = "again"
    startup_probe               = "ready"
    startup_seconds             = 120
    liveness                    = { enabled = false }
    mount_registry              = true
    model_registry              = "gs://example-models/team/a"
    custom_audiences            = ["https://api.example.com"]
    session_affinity            = true
    traffic                     = { digits-00007-abc = { percent = 90 }, latest = { percent = 10, tag = "next" } }
    invokers                    = { web = "serviceAccount:web@example-project.iam.gserviceaccount.com" }
    ingress                     = "ALLOW_INTERNAL_ONLY"
    vpc                         = { subnetwork = "projects/host/regions/europe-west1/subnetworks/functions", egress = "ALL_TRAFFIC" }
    build_worker_pool           = "projects/p/locations/europe-west1/workerPools/private"
    build_service_account       = { id = "projects/p/serviceAccounts/b@p.iam.gserviceaccount.com" }
    runtime_updates             = "automatic"
    base_image                  = "example.com/base"
    kms_key_name                = "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k"
    binary_authorization_policy = "projects/p/platforms/cloudRun/strict"
    labels                      = { team = "ml" }
    release                     = { commit = "0123456789abcdef0123456789abcdef01234567", digest = sha256("zip") }
  }

  assert {
    condition     = length(google_storage_bucket_object.bundle) == 0 && google_cloud_run_v2_service.service.build_config[0].source_location == "gs://bundles/function.zip"
    error_message = "expected the object to be built as it is"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.template[0].containers[0].image == "europe-west1-docker.pkg.dev/example-project/images/digits:g1700000000000000-${substr(sha256("again"), 0, 6)}"
    error_message = "expected another generation, or another try, to be another image"
  }

  assert {
    condition     = length(terraform_data.protected) == 0
    error_message = "expected a service that may go"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.template[0].containers[0].startup_probe[0].http_get[0].path == "/v2/health/ready" && google_cloud_run_v2_service.service.template[0].containers[0].startup_probe[0].failure_threshold == 120 && length(google_cloud_run_v2_service.service.template[0].containers[0].liveness_probe) == 0
    error_message = "expected no request to come before the models, and no probe that was turned off"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.template[0].volumes[0].gcs[0].bucket == "example-models" && google_cloud_run_v2_service.service.template[0].volumes[0].gcs[0].read_only && contains(google_cloud_run_v2_service.service.template[0].volumes[0].gcs[0].mount_options, "implicit-dirs")
    error_message = "expected the bucket as a volume that nobody can write to"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.template[0].containers[0].volume_mounts[0].mount_path == "/mnt/registry" && google_cloud_run_v2_service.service.template[0].containers[0].volume_mounts[0].name == google_cloud_run_v2_service.service.template[0].volumes[0].name && output.environment["MODEL_REGISTRY"] == "file:///mnt/registry/team/a"
    error_message = "expected the registry's prefix to be a folder of it"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.custom_audiences == tolist(["https://api.example.com"]) && google_cloud_run_v2_service.service.template[0].session_affinity
    error_message = "expected tokens for the public name to count"
  }

  assert {
    condition     = { for target in google_cloud_run_v2_service.service.traffic : coalesce(target.revision, "latest") => "${target.percent} ${coalesce(target.tag, "-")}" } == { digits-00007-abc = "90 -", latest = "10 next" }
    error_message = "expected each revision to get its share"
  }

  assert {
    condition     = google_cloud_run_v2_service_iam_member.invoker["web"].role == "roles/run.invoker" && google_cloud_run_v2_service_iam_member.invoker["web"].name == "digits"
    error_message = "expected the role on the service"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY"
    error_message = "expected requests from inside alone"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.template[0].vpc_access[0].egress == "ALL_TRAFFIC" && google_cloud_run_v2_service.service.template[0].vpc_access[0].network_interfaces[0].subnetwork == "projects/host/regions/europe-west1/subnetworks/functions"
    error_message = "expected direct egress through the subnetwork of a host project"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.build_config[0].worker_pool == "projects/p/locations/europe-west1/workerPools/private" && google_cloud_run_v2_service.service.build_config[0].service_account == "projects/p/serviceAccounts/b@p.iam.gserviceaccount.com" && length(module.build) == 0
    error_message = "expected the pool and the account that were given"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.build_config[0].enable_automatic_updates && google_cloud_run_v2_service.service.template[0].containers[0].base_image_uri == google_cloud_run_v2_service.service.build_config[0].base_image && google_cloud_run_v2_service.service.build_config[0].base_image == "example.com/base"
    error_message = "expected the base to be replaced under the image"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.template[0].encryption_key == var.kms_key_name && google_cloud_run_v2_service.service.binary_authorization[0].policy == "projects/p/platforms/cloudRun/strict"
    error_message = "expected the key and the policy"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.labels == tomap({ team = "ml", commit = "0123456789abcdef0123456789abcdef01234567", bundle-digest = substr(sha256("zip"), 0, 32) })
    error_message = "expected labels that name the commit and the bundle"
  }

  assert {
    condition     = output.environment["COMMIT"] == "0123456789abcdef0123456789abcdef01234567" && output.environment["BUNDLE_DIGEST"] == sha256("zip")
    error_message = "expected the service to know both, because GET / tells them"
  }
}

run "a_revision_that_is_not_ready" {
  command = apply

  module {
    source = "./modules/prediction_service"
  }

  override_data {
    target = data.google_cloud_run_v2_service.deployed
    values = { terminal_condition = [{ state = "CONDITION_FAILED", message = "The startup probe failed." }] }
  }

  variables {
    name = "failing"
  }

  expect_failures = [data.google_cloud_run_v2_service.deployed]
}

run "an_image_of_ones_own" {
  command = plan

  module {
    source = "./modules/prediction_service"
  }

  variables {
    bundle                      = null
    source_bucket               = null
    docker_repository           = null
    image                       = "europe-west1-docker.pkg.dev/example-project/images/digits@sha256:0123456789012345678901234567890123456789012345678901234567890123"
    mount_registry              = true
    invoker_iam_disabled        = true
    ingress                     = "ALLOW_INTERNAL_AND_GCLB"
    vpc                         = { connector = "projects/p/locations/l/connectors/c" }
    binary_authorization_policy = "default"
    name                        = "a-name-that-is-nearly-as-long-as-a-name-may-be-49"
  }

  assert {
    condition     = length(google_cloud_run_v2_service.service.build_config) == 0 && length(google_storage_bucket_object.bundle) == 0 && length(module.build) == 0
    error_message = "expected nothing to be built"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.template[0].containers[0].image == var.image && output.environment["FUNCTION_TARGET"] == "predict"
    error_message = "expected the image by its digest, and its entry point"
  }

  assert {
    condition     = output.environment["MODEL_REGISTRY"] == "file:///mnt/registry"
    error_message = "expected the mounted folder itself"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.invoker_iam_disabled && length(google_cloud_run_v2_service_iam_member.public) == 0
    error_message = "expected a public service without allUsers, which an organisation may refuse"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.ingress == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER" && google_cloud_run_v2_service.service.template[0].vpc_access[0].connector == "projects/p/locations/l/connectors/c" && length(google_cloud_run_v2_service.service.template[0].vpc_access[0].network_interfaces) == 0
    error_message = "expected egress through the connector"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.binary_authorization[0].use_default
    error_message = "expected the project's own policy"
  }

  assert {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", google_service_account.service.account_id))
    error_message = "expected an account id that IAM takes"
  }
}

run "identities" {
  command = apply

  module {
    source = "./modules/prediction_service"
  }

  variables {
    secrets        = { API_KEY = { secret = "api-key" }, SAME_KEY = { secret = "api-key" } }
    secret_volumes = { "/secrets/tls" = { secret = "tls", file = "key.pem", version = "3", project_id = "security" } }
  }

  assert {
    condition     = google_storage_bucket_iam_member.models[0].role == "roles/storage.objectViewer" && google_storage_bucket_iam_member.models[0].member == google_service_account.service.member
    error_message = "expected the service to read models"
  }

  assert {
    condition     = { for secret in values(google_secret_manager_secret_iam_member.service) : secret.secret_id => secret.project } == { api-key = "example-project", tls = "security" }
    error_message = "expected one right for each secret, in its own project"
  }

  assert {
    condition     = google_cloud_run_v2_service.service.template[0].service_account == google_service_account.service.email
    error_message = "expected the service to run as its own account"
  }

  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.public) == 0 && length(google_cloud_run_v2_service_iam_member.invoker) == 0
    error_message = "expected nobody to be invited by default"
  }

  assert {
    condition     = one([for env in google_cloud_run_v2_service.service.template[0].containers[0].env : env.value_source[0].secret_key_ref[0] if env.name == "API_KEY"]).secret == "projects/example-project/secrets/api-key"
    error_message = "expected the variable to come from the secret"
  }

  assert {
    condition     = one([for volume in google_cloud_run_v2_service.service.template[0].volumes : volume.secret[0] if volume.name == google_cloud_run_v2_service.service.template[0].containers[0].volume_mounts[0].name]).items[0].path == "key.pem" && google_cloud_run_v2_service.service.template[0].containers[0].volume_mounts[0].mount_path == "/secrets/tls"
    error_message = "expected the secret as a file"
  }
}

run "models_in_the_bundle_for_everybody" {
  command = plan

  module {
    source = "./modules/prediction_service"
  }

  variables {
    model_registry = null
    model_bucket   = null
    models         = []
    public         = true
  }

  assert {
    condition     = length(setintersection(keys(output.environment), ["MODEL_REGISTRY", "MODELS"])) == 0 && length(google_storage_bucket_iam_member.models) == 0
    error_message = "expected the bundle to say what it carries, and no right on a bucket"
  }

  assert {
    condition     = google_cloud_run_v2_service_iam_member.public[0].member == "allUsers"
    error_message = "expected everybody, who was asked for by name"
  }
}

run "name_with_a_capital" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { name = "Digits" }
  expect_failures = [var.name]
}

run "no_bundle" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { bundle = "none.zip" }
  expect_failures = [var.bundle]
}

run "a_zip_without_its_generation" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { bundle = "gs://bundles/function.zip" }
  expect_failures = [var.bundle]
}

run "neither_bundle_nor_image" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { bundle = null }
  expect_failures = [var.bundle]
}

run "both_bundle_and_image" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { image = "h/p@sha256:0123456789012345678901234567890123456789012345678901234567890123" }
  expect_failures = [var.bundle]
}

run "an_image_by_its_tag" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables {
    bundle = null
    image  = "europe-west1-docker.pkg.dev/p/images/digits:latest"
  }
  expect_failures = [var.image]
}

run "a_bundle_without_bucket" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { source_bucket = null }
  expect_failures = [var.source_bucket]
}

run "a_bundle_without_repository" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { docker_repository = null }
  expect_failures = [var.docker_repository]
}

run "registry_without_scheme" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { model_registry = "example-models" }
  expect_failures = [var.model_registry]
}

run "a_folder_that_is_mounted" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables {
    model_registry = "file:///models"
    mount_registry = true
  }
  expect_failures = [var.mount_registry]
}

run "no_models" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { models = [] }
  expect_failures = [var.models]
}

run "a_model_that_is_no_name" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { models = ["digits@"] }
  expect_failures = [var.models]
}

run "runtime" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { runtime = "python310" }
  expect_failures = [var.runtime]
}

run "runtime_updates" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { runtime_updates = "daily" }
  expect_failures = [var.runtime_updates]
}

run "runtime_updates_of_an_image" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables {
    bundle          = null
    image           = "h/p@sha256:0123456789012345678901234567890123456789012345678901234567890123"
    runtime_updates = "automatic"
  }
  expect_failures = [var.runtime_updates]
}

run "entry_point" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { entry_point = "main" }
  expect_failures = [var.entry_point]
}

run "half_a_processor" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { cpu = "0.5" }
  expect_failures = [var.cpu]
}

run "memory_without_unit" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { memory = "512" }
  expect_failures = [var.memory]
}

run "memory_of_the_first_generation" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { memory = "256Mi" }
  expect_failures = [var.memory]
}

run "memory_for_two_processors" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { memory = "8Gi" }
  expect_failures = [var.memory]
}

run "memory_too_small_for_four" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { cpu = "4" }
  expect_failures = [var.memory]
}

run "concurrency_beyond" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { concurrency = 1001 }
  expect_failures = [var.concurrency]
}

run "min_instances" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { min_instances = -1 }
  expect_failures = [var.min_instances]
}

run "fewer_than_min" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables {
    min_instances = 5
    max_instances = 4
  }
  expect_failures = [var.max_instances]
}

run "timeout" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { timeout_seconds = 3601 }
  expect_failures = [var.timeout_seconds]
}

run "startup_probe" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { startup_probe = "alive" }
  expect_failures = [var.startup_probe]
}

run "startup_beyond" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { startup_seconds = 241 }
  expect_failures = [var.startup_seconds]
}

run "liveness_that_overlaps" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { liveness = { period_seconds = 5, timeout_seconds = 10 } }
  expect_failures = [var.liveness]
}

run "liveness_of_four_threads" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { entry_point = "predict_wsgi" }
  expect_failures = [var.liveness]
}

run "traffic_that_is_lost" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { traffic = { latest = { percent = 90 } } }
  expect_failures = [var.traffic]
}

run "traffic_in_halves" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { traffic = { latest = { percent = 99.5 }, digits-1 = { percent = 0.5 } } }
  expect_failures = [var.traffic]
}

run "traffic_to_another_service" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { traffic = { flowers-00001-abc = { percent = 100 } } }
  expect_failures = [var.traffic]
}

run "a_tag_with_a_capital" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { traffic = { latest = { percent = 100, tag = "Next" } } }
  expect_failures = [var.traffic]
}

run "audience_without_scheme" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { custom_audiences = ["api.example.com"] }
  expect_failures = [var.custom_audiences]
}

run "no_tokens_and_invokers" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables {
    invoker_iam_disabled = true
    invokers             = { web = "user:me@example.com" }
  }
  expect_failures = [var.invoker_iam_disabled]
}

run "ingress" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { ingress = "ALL" }
  expect_failures = [var.ingress]
}

run "invokers_everybody" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { invokers = { all = "allAuthenticatedUsers" } }
  expect_failures = [var.invokers]
}

run "a_secret_in_env" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables {
    env     = { KEY = "a" }
    secrets = { KEY = { secret = "key" } }
  }
  expect_failures = [var.secrets]
}

run "a_secret_over_the_code" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { secret_volumes = { "/workspace" = { secret = "key" } } }
  expect_failures = [var.secret_volumes]
}

run "vpc_both" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { vpc = { network = "n", connector = "c" } }
  expect_failures = [var.vpc]
}

run "vpc_egress" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { vpc = { network = "n", egress = "all" } }
  expect_failures = [var.vpc]
}

run "service_account_id" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { service_account_id = "fn" }
  expect_failures = [var.service_account_id]
}

run "build_service_account" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { build_service_account = { id = "build@p.iam.gserviceaccount.com" } }
  expect_failures = [var.build_service_account]
}

run "build_worker_pool" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { build_worker_pool = "private" }
  expect_failures = [var.build_worker_pool]
}

run "invokers_by_address_alone" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { invokers = { me = "me@example.com" } }
  expect_failures = [var.invokers]
}

run "invokers_by_an_unknown_kind" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { invokers = { me = "users:me@example.com" } }
  expect_failures = [var.invokers]
}

run "invokers_under_no_name" {
  command = plan
  module { source = "./modules/prediction_service" }
  variables { invokers = { "on call" = "user:me@example.com" } }
  expect_failures = [var.invokers]
}
