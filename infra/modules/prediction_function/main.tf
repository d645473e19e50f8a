# One function that answers predictions: its code, its identity, and who may call it.

locals {
  # A function is deployed anew only when its source object has another name, so the name carries
  # what is in the zip.
  bundle_digest = substr(filesha256(var.bundle), 0, 12)

  # An account's id has at most 30 characters; of a long name, a digest tells two apart.
  short_name = length(var.name) <= 15 ? var.name : "${substr(var.name, 0, 8)}-${substr(sha256(var.name), 0, 6)}"
  account_id = coalesce(var.service_account_id, "function-${local.short_name}")

  # The function answers 504 itself, with a reason, before the platform cuts the connection.
  request_timeout = var.timeout_seconds - min(5, floor(var.timeout_seconds / 2))

  # A network or a subnetwork, either of which is enough; else a connector, or nothing.
  is_direct = var.vpc != null && try(var.vpc.connector, null) == null

  # A label has at most 63 characters, one fewer than a sha256.
  release_labels = var.release == null ? {} : {
    commit        = var.release.commit
    bundle-digest = substr(var.release.digest, 0, 32)
  }

  settings = merge(
    var.model_registry == null ? {} : { MODEL_REGISTRY = var.model_registry },
    length(var.models) == 0 ? {} : { MODELS = join(",", var.models) },
    var.release == null ? {} : { COMMIT = var.release.commit, BUNDLE_DIGEST = var.release.digest },
    {
      GOOGLE_CLOUD_PROJECT    = var.project_id
      MAX_IN_FLIGHT           = tostring(var.concurrency)
      REQUEST_TIMEOUT_SECONDS = tostring(local.request_timeout)
    },
  )
}

resource "google_storage_bucket_object" "bundle" {
  bucket       = var.source_bucket
  name         = "${var.name}/function-${local.bundle_digest}.zip"
  source       = var.bundle
  content_type = "application/zip"

  # The new object is there before the function points to it, and the former one until then.
  lifecycle {
    create_before_destroy = true
  }
}

# What the function runs as: it can do nothing but what is granted to it by name.
resource "google_service_account" "function" {
  project      = var.project_id
  account_id   = local.account_id
  display_name = "Function ${var.name}"
  description  = "Runs ${var.name}: reads models, and the secrets that it is given."
}

# What its image is built as, unless another function's is shared.
module "build" {
  source = "../build_identity"
  count  = var.build_service_account == null ? 1 : 0

  project_id    = var.project_id
  account_id    = "build-${local.short_name}"
  display_name  = "Build of function ${var.name}"
  source_bucket = var.source_bucket
}

# Without the right to list, a missing object is answered 403, and nobody could tell it from a
# missing role: so objectViewer, not legacyObjectReader. It can write nothing.
resource "google_storage_bucket_iam_member" "models" {
  count = var.model_bucket == null ? 0 : 1

  bucket = var.model_bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.function.member
}

resource "google_secret_manager_secret_iam_member" "function" {
  # Two variables may have one secret, which is one right.
  for_each = { for secret in values(var.secrets) : "${coalesce(secret.project_id, var.project_id)} ${secret.secret}" => secret... }

  project   = coalesce(each.value[0].project_id, var.project_id)
  secret_id = each.value[0].secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function.member
}

resource "google_cloudfunctions2_function" "function" {
  #checkov:skip=CKV_GCP_124:Nobody gets in without roles/run.invoker, which nobody has by default; ingress narrows the network as well.
  project         = var.project_id
  location        = var.region
  name            = var.name
  description     = "Predictions of ${length(var.models) == 0 ? "the models in its bundle" : join(", ", var.models)}"
  labels          = merge(local.release_labels, var.labels)
  kms_key_name    = var.kms_key_name
  deletion_policy = var.deletion_protection ? "PREVENT" : "DELETE"

  build_config {
    runtime           = var.runtime
    entry_point       = var.entry_point
    service_account   = var.build_service_account == null ? module.build[0].id : var.build_service_account.id
    docker_repository = var.docker_repository

    # Images have no file times: without this, each cold start would compile the modules again.
    environment_variables = { SOURCE_DATE_EPOCH = "315532800" }

    source {
      storage_source {
        bucket     = google_storage_bucket_object.bundle.bucket
        object     = google_storage_bucket_object.bundle.name
        generation = google_storage_bucket_object.bundle.generation
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.function.email
    available_cpu                    = var.cpu
    available_memory                 = var.memory
    max_instance_request_concurrency = var.concurrency
    min_instance_count               = var.min_instances
    max_instance_count               = var.max_instances
    timeout_seconds                  = var.timeout_seconds
    ingress_settings                 = var.ingress
    all_traffic_on_latest_revision   = true
    binary_authorization_policy      = var.binary_authorization_policy
    environment_variables            = merge(local.settings, var.env)

    vpc_connector                 = try(var.vpc.connector, null)
    vpc_connector_egress_settings = try(var.vpc.connector, null) == null ? null : var.vpc.egress
    direct_vpc_egress             = local.is_direct ? "VPC_EGRESS_${var.vpc.egress}" : null

    dynamic "direct_vpc_network_interface" {
      for_each = local.is_direct ? [var.vpc] : []
      content {
        network    = direct_vpc_network_interface.value.network
        subnetwork = direct_vpc_network_interface.value.subnetwork
        tags       = direct_vpc_network_interface.value.tags
      }
    }

    dynamic "secret_environment_variables" {
      for_each = var.secrets
      content {
        key        = secret_environment_variables.key
        project_id = coalesce(secret_environment_variables.value.project_id, var.project_id)
        secret     = secret_environment_variables.value.secret
        version    = secret_environment_variables.value.version
      }
    }
  }

  # A function that starts before it may read would fail its first requests.
  depends_on = [
    google_storage_bucket_iam_member.models,
    google_secret_manager_secret_iam_member.function,
  ]
}

# A function of the second generation is called through its Cloud Run service: the role is needed
# there, and roles/cloudfunctions.invoker alone would change nothing.
resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = var.invokers

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.function.name
  role     = "roles/run.invoker"
  member   = each.value
}

resource "google_cloud_run_v2_service_iam_member" "public" {
  count = var.public ? 1 : 0

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.function.name
  role     = "roles/run.invoker"
  member   = "allUsers"
}
