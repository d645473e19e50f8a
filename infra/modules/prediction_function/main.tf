# One function that answers predictions: its code, its identity, and who may call it.

locals {
  # A zip that is in a bucket already; null for one on this machine, which is uploaded.
  stored = try(regex("^gs://(?P<bucket>[^/]+)/(?P<object>.+)#(?P<generation>[0-9]+)$", var.bundle), null)
  source = local.stored != null ? local.stored : {
    bucket     = google_storage_bucket_object.bundle[0].bucket
    object     = google_storage_bucket_object.bundle[0].name
    generation = tostring(google_storage_bucket_object.bundle[0].generation)
  }

  # An account's id has at most 30 characters; of a long name, a digest tells two apart.
  short_name = length(var.name) <= 15 ? var.name : "${substr(var.name, 0, 8)}-${substr(sha256(var.name), 0, 6)}"
  account_id = coalesce(var.service_account_id, "function-${local.short_name}")

  # The function answers 504 itself, with a reason, before the platform cuts the connection.
  request_timeout = var.timeout_seconds - min(5, floor(var.timeout_seconds / 2))

  # A network or a subnetwork, either of which is enough; else a connector, or nothing.
  is_direct = var.vpc != null && try(var.vpc.connector, null) == null

  settings = merge(
    var.model_registry == null ? {} : { MODEL_REGISTRY = var.model_registry },
    length(var.models) == 0 ? {} : { MODELS = join(",", var.models) },
    {
      GOOGLE_CLOUD_PROJECT    = var.project_id
      MAX_IN_FLIGHT           = tostring(var.concurrency)
      REQUEST_TIMEOUT_SECONDS = tostring(local.request_timeout)
    },
  )
}

# A function is deployed anew only when its source object has another name or generation, so the
# name carries what is in the zip. A former zip stays in the bucket, to go back to.
resource "google_storage_bucket_object" "bundle" {
  count = local.stored == null ? 1 : 0

  bucket          = var.source_bucket
  name            = "${var.name}/function-${substr(filesha256(var.bundle), 0, 12)}.zip"
  source          = var.bundle
  content_type    = "application/zip"
  deletion_policy = "ABANDON"

  # The content decides, which the name knows. The provider would replace an object whose zip has
  # another path, and upload one again whose former path is gone.
  lifecycle {
    ignore_changes = [source, detect_md5hash]
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
  # A variable and a volume may have one secret, which is one right.
  for_each = toset([
    for secret in concat(values(var.secrets), values(var.secret_volumes)) : "${coalesce(secret.project_id, var.project_id)} ${secret.secret}"
  ])

  project   = split(" ", each.value)[0]
  secret_id = split(" ", each.value)[1]
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function.member
}

resource "google_cloudfunctions2_function" "function" {
  #checkov:skip=CKV_GCP_124:Nobody gets in without roles/run.invoker, which nobody has by default; ingress narrows the network as well.
  project         = var.project_id
  location        = var.region
  name            = var.name
  description     = "Predictions of ${length(var.models) == 0 ? "the models in its bundle" : join(", ", var.models)}"
  labels          = var.labels
  kms_key_name    = var.kms_key_name
  deletion_policy = "DELETE"

  build_config {
    runtime           = var.runtime
    entry_point       = var.entry_point
    service_account   = var.build_service_account == null ? module.build[0].id : var.build_service_account.id
    docker_repository = var.docker_repository
    worker_pool       = var.build_worker_pool

    environment_variables = merge(
      {
        # Images have no file times: without this, each cold start would compile the modules again.
        SOURCE_DATE_EPOCH = "315532800"

        # Nobody reads it, but of the source the provider believes what it has sent, and of this what
        # Google has: a build that failed is planned again where the function is as it was before.
        BUNDLE = "${local.source.object}#${local.source.generation}"
      },
      var.rebuild == null ? {} : { REBUILD = var.rebuild },
    )

    dynamic "automatic_update_policy" {
      for_each = var.runtime_updates == "automatic" ? [true] : []
      content {}
    }

    dynamic "on_deploy_update_policy" {
      for_each = var.runtime_updates == "on_deploy" ? [true] : []
      content {}
    }

    source {
      storage_source {
        bucket     = local.source.bucket
        object     = local.source.object
        generation = tonumber(local.source.generation)
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

    dynamic "secret_volumes" {
      for_each = var.secret_volumes
      content {
        mount_path = secret_volumes.key
        project_id = coalesce(secret_volumes.value.project_id, var.project_id)
        secret     = secret_volumes.value.secret

        versions {
          path    = coalesce(secret_volumes.value.file, secret_volumes.value.secret)
          version = secret_volumes.value.version
        }
      }
    }
  }

  # A function that starts before it may read would fail its first requests.
  depends_on = [
    google_storage_bucket_iam_member.models,
    google_secret_manager_secret_iam_member.function,
  ]
}

# What Google has of it. The plan of a change reads this after the change, so that whatever mends a
# function can be applied; a condition of the function itself would refuse that, too, because its plan
# only knows the former state.
data "google_cloudfunctions2_function" "deployed" {
  project  = var.project_id
  location = google_cloudfunctions2_function.function.location
  name     = google_cloudfunctions2_function.function.name

  lifecycle {
    postcondition {
      condition     = self.state == "ACTIVE"
      error_message = "${var.name}: expected the function to be ACTIVE, and it is ${self.state}: its last deployment failed, and what was there before answers. See why with `gcloud functions describe ${var.name} --region=${var.region} --project=${var.project_id}`, mend it, and apply; to build the same zip again, give `rebuild` another text."
    }
  }

  depends_on = [google_cloudfunctions2_function.function]
}

# A plan that would delete the function, or move it, is refused as a whole. The provider's own
# protection refuses when it is the function's turn, and alerts and the rights of callers are gone by
# then; and it would keep a function whose first build failed, which must be made anew.
resource "terraform_data" "protected" {
  count = var.deletion_protection ? 1 : 0

  triggers_replace = { project = var.project_id, region = var.region, name = var.name }

  lifecycle {
    prevent_destroy = true
  }
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

  # It goes with the service, whose name stays the same.
  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.function.id]
  }
}

resource "google_cloud_run_v2_service_iam_member" "public" {
  count = var.public ? 1 : 0

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.function.name
  role     = "roles/run.invoker"
  member   = "allUsers"

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.function.id]
  }
}
