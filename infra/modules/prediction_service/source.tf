# An image from the bundle, by the buildpacks that functions are built with, unless there is one
# already.

locals {
  is_built = var.image == null

  # A new image is built, and a new revision made, only when these names change, so both carry what
  # is in the zip.
  bundle_digest = local.is_built ? substr(filesha256(var.bundle), 0, 12) : null
  repository    = local.is_built ? split("/", var.docker_repository) : null
  image         = local.is_built ? "${local.repository[3]}-docker.pkg.dev/${local.repository[1]}/${local.repository[5]}/${var.name}:${local.bundle_digest}" : var.image

  base_image          = coalesce(var.base_image, "${var.region}-docker.pkg.dev/serverless-runtimes/google-22-full/runtimes/${var.runtime}")
  is_updated_by_cloud = local.is_built && var.runtime_updates == "automatic"
}

resource "google_storage_bucket_object" "bundle" {
  count = local.is_built ? 1 : 0

  bucket       = var.source_bucket
  name         = "${var.name}/${var.region}/function-${local.bundle_digest}.zip"
  source       = var.bundle
  content_type = "application/zip"

  # The new object is there before the service points to it, and the former one until then.
  lifecycle {
    create_before_destroy = true
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
