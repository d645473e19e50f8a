# One Cloud Run service that answers predictions, for those who need what a function does not have:
# probes, volumes, traffic by revision, audiences of one's own, an image of one's own.

locals {
  # An account's id has at most 30 characters; of a long name, a digest tells two apart.
  short_name = length(var.name) <= 15 ? var.name : "${substr(var.name, 0, 8)}-${substr(sha256(var.name), 0, 6)}"
  account_id = coalesce(var.service_account_id, "service-${local.short_name}")

  # The service answers 504 itself, with a reason, before the platform cuts the connection.
  request_timeout = var.timeout_seconds - min(5, floor(var.timeout_seconds / 2))

  # Where the registry's bucket is mounted, a prefix is a folder.
  mount_path = "/mnt/registry"
  registry   = var.mount_registry ? "file://${local.mount_path}${replace(var.model_registry, "/^gs:\\/\\/[^\\/]+/", "")}" : var.model_registry

  settings = merge(
    local.registry == null ? {} : { MODEL_REGISTRY = local.registry },
    length(var.models) == 0 ? {} : { MODELS = join(",", var.models) },
    # What is built from a bundle carries its entry point.
    var.image == null ? {} : { FUNCTION_TARGET = var.entry_point },
    {
      GOOGLE_CLOUD_PROJECT    = var.project_id
      MAX_IN_FLIGHT           = tostring(var.concurrency)
      REQUEST_TIMEOUT_SECONDS = tostring(local.request_timeout)
    },
  )

  # Secrets by their full names, which are the same from any project.
  secret_env = {
    for variable, secret in var.secrets :
    variable => merge(secret, { name = "projects/${coalesce(secret.project_id, var.project_id)}/secrets/${secret.secret}" })
  }
  secret_volumes = {
    for path, secret in var.secret_volumes : path => merge(secret, {
      name   = "projects/${coalesce(secret.project_id, var.project_id)}/secrets/${secret.secret}"
      volume = "secret-${substr(sha256(path), 0, 12)}"
    })
  }
}

# What the service runs as: it can do nothing but what is granted to it by name.
resource "google_service_account" "service" {
  project      = var.project_id
  account_id   = local.account_id
  display_name = "Service ${var.name}"
  description  = "Runs ${var.name}: reads models, and the secrets that it is given."
}

# Without the right to list, a missing object is answered 403, and nobody could tell it from a
# missing role; a mounted bucket is listed, too. It can write nothing.
resource "google_storage_bucket_iam_member" "models" {
  count = var.model_bucket == null ? 0 : 1

  bucket = var.model_bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.service.member
}

resource "google_secret_manager_secret_iam_member" "service" {
  # A variable and a volume may have one secret, which is one right.
  for_each = toset(concat(values(local.secret_env)[*].name, values(local.secret_volumes)[*].name))

  project   = split("/", each.value)[1]
  secret_id = split("/", each.value)[3]
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.service.member
}
