# An image from the bundle, by the buildpacks that functions are built with, unless there is one
# already.

locals {
  is_built = var.image == null

  # A zip that is in a bucket already; null for one on this machine, which is uploaded.
  stored = try(regex("^gs://(?P<bucket>[^/]+)/(?P<object>.+)#(?P<generation>[0-9]+)$", var.bundle), null)
  digest = !local.is_built ? null : local.stored != null ? "g${local.stored.generation}" : substr(filesha256(var.bundle), 0, 12)
  source_location = (!local.is_built ? null
    : local.stored != null ? "gs://${local.stored.bucket}/${local.stored.object}"
    : "gs://${google_storage_bucket_object.bundle[0].bucket}/${google_storage_bucket_object.bundle[0].name}"
  )

  # Another zip is another tag, and another tag is another revision.
  repository = local.is_built ? split("/", var.docker_repository) : null
  tag        = local.is_built ? join("-", compact([local.digest, var.rebuild == null ? "" : substr(sha256(var.rebuild), 0, 6)])) : null
  image      = local.is_built ? "${local.repository[3]}-docker.pkg.dev/${local.repository[1]}/${local.repository[5]}/${var.name}:${local.tag}" : var.image

  base_image          = coalesce(var.base_image, "${var.region}-docker.pkg.dev/serverless-runtimes/google-22-full/runtimes/${var.runtime}")
  is_updated_by_cloud = local.is_built && var.runtime_updates == "automatic"
}

# The name carries what is in the zip. A former zip stays in the bucket, to go back to.
resource "google_storage_bucket_object" "bundle" {
  count = local.is_built && local.stored == null ? 1 : 0

  bucket          = var.source_bucket
  name            = "${var.name}/${var.region}/function-${local.digest}.zip"
  source          = var.bundle
  content_type    = "application/zip"
  deletion_policy = "ABANDON"

  # The content decides, which the name knows. The provider would replace an object whose zip has
  # another path, and upload one again whose former path is gone.
  lifecycle {
    ignore_changes = [source, detect_md5hash]
  }
}

# What the image is built as, unless another service's is shared.
module "build" {
  source = "../build_identity"
  count  = local.is_built && var.build_service_account == null ? 1 : 0

  project_id    = var.project_id
  account_id    = "build-${local.short_name}"
  display_name  = "Build of service ${var.name}"
  source_bucket = var.source_bucket
}
