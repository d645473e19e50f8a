# An empty project to endpoints that answer: the APIs, the registry, and a function for each entry
# of `models`.

locals {
  services = setunion(
    [
      "artifactregistry.googleapis.com",
      "cloudbuild.googleapis.com",
      "cloudfunctions.googleapis.com",
      "cloudresourcemanager.googleapis.com",
      "iam.googleapis.com",
      "logging.googleapis.com",
      "monitoring.googleapis.com",
      "run.googleapis.com",
      "secretmanager.googleapis.com",
      "storage.googleapis.com",
    ],
    # Each line is what one option needs, and is enabled for no other.
    var.kms_key_name == null ? [] : ["cloudkms.googleapis.com"],
    var.public_edge == null && !var.grant_shared_subnetworks ? [] : ["compute.googleapis.com"],
    var.monitoring.enabled && var.monitoring.budget != null ? ["billingbudgets.googleapis.com"] : [],
  )
  bucket_prefix = coalesce(var.bucket_prefix, "${var.project_id}-${var.environment}")
  is_prod       = var.environment == "prod"
}

resource "google_project_service" "needed" {
  for_each = local.services

  project = var.project_id
  service = each.value

  # Others in the project may need it when this is gone.
  disable_on_destroy = false
}

# Cloud Storage encrypts as an account of its own, which must have the key before a bucket names it.
data "google_storage_project_service_account" "storage" {
  count = var.kms_key_name == null ? 0 : 1

  project = var.project_id
}

resource "google_kms_crypto_key_iam_member" "storage" {
  count = var.kms_key_name == null ? 0 : 1

  crypto_key_id = var.kms_key_name
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = data.google_storage_project_service_account.storage[0].member
}

module "models" {
  source = "./modules/model_bucket"

  project_id      = var.project_id
  name            = "${local.bucket_prefix}-models"
  location        = coalesce(var.bucket_location, var.region)
  kms_key_name    = var.kms_key_name
  noncurrent_days = var.noncurrent_days
  writers         = var.publishers
  force_destroy   = !local.is_prod
  log_bucket      = var.log_bucket

  depends_on = [google_project_service.needed, google_kms_crypto_key_iam_member.storage]
}

# The code of the functions; models are not in here, and nothing in here is needed once an image is
# built.
module "sources" {
  source = "./modules/model_bucket"

  project_id      = var.project_id
  name            = "${local.bucket_prefix}-sources"
  location        = var.region
  kms_key_name    = var.kms_key_name
  noncurrent_days = 7
  force_destroy   = true
  replaceable     = true
  log_bucket      = var.log_bucket

  depends_on = [google_project_service.needed, google_kms_crypto_key_iam_member.storage]
}

# One for all functions.
module "build" {
  source = "./modules/build_identity"

  project_id    = var.project_id
  account_id    = "functions-build-${var.environment}"
  display_name  = "Builds of functions, ${var.environment}"
  source_bucket = module.sources.name

  depends_on = [google_project_service.needed]
}

module "function" {
  source   = "./modules/prediction_function"
  for_each = local.functions

  project_id                  = var.project_id
  region                      = var.region
  name                        = each.key
  bundle                      = coalesce(each.value.bundle, var.bundle)
  rebuild                     = each.value.rebuild
  source_bucket               = module.sources.name
  build_service_account       = { id = module.build.id }
  model_registry              = each.value.baked ? null : coalesce(each.value.registry, module.models.registry)
  model_bucket                = each.value.baked || each.value.registry != null ? null : module.models.name
  models                      = each.value.models
  entry_point                 = each.value.entry_point
  runtime                     = each.value.runtime
  cpu                         = each.value.cpu
  memory                      = each.value.memory
  concurrency                 = each.value.concurrency
  min_instances               = each.value.min_instances
  max_instances               = each.value.max_instances
  timeout_seconds             = each.value.timeout_seconds
  ingress                     = each.value.ingress
  invokers                    = each.value.invokers
  public                      = each.value.public
  env                         = each.value.env
  secrets                     = each.value.secrets
  secret_volumes              = each.value.secret_volumes
  vpc                         = each.value.vpc
  labels                      = each.value.labels
  kms_key_name                = var.kms_key_name
  docker_repository           = var.docker_repository
  build_worker_pool           = var.build_worker_pool
  runtime_updates             = each.value.runtime_updates
  binary_authorization_policy = var.binary_authorization_policy
  deletion_protection         = local.is_prod

  # Whoever may use the network sends through it.
  depends_on = [google_project_service.needed, google_compute_subnetwork_iam_member.cloud_run]
}
