# The registry: a private bucket whose published versions nobody who publishes can change again.

locals {
  # What a bucket cannot change: another one is another bucket, without what is in this one.
  place = {
    project     = var.project_id
    name        = var.name
    location    = upper(var.location)
    dual_region = var.dual_region == null ? [] : sort([for region in var.dual_region : upper(region)])
  }
}

# Remembers where the bucket was made.
resource "terraform_data" "place" {
  count = var.replaceable ? 0 : 1

  input = local.place

  lifecycle {
    ignore_changes = [input]
  }
}

resource "google_storage_bucket" "models" {
  project                     = var.project_id
  name                        = var.name
  location                    = var.location
  storage_class               = "STANDARD"
  labels                      = var.labels
  force_destroy               = var.force_destroy
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # A former alias can be read again, which is how a rollback that went wrong is undone. Where nothing
  # can be replaced, there are no former ones, and Cloud Storage may refuse the two together.
  versioning {
    enabled = var.retention_days == null
  }

  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * 24 * 60 * 60
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = var.noncurrent_days
      num_newer_versions         = var.noncurrent_versions
      with_state                 = "ARCHIVED"
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 1
    }
  }

  dynamic "custom_placement_config" {
    for_each = var.dual_region == null ? [] : [var.dual_region]
    content {
      data_locations = custom_placement_config.value
    }
  }

  dynamic "encryption" {
    for_each = var.kms_key_name == null ? [] : [var.kms_key_name]
    content {
      default_kms_key_name = encryption.value
    }
  }

  dynamic "retention_policy" {
    for_each = var.retention_days == null ? [] : [var.retention_days]
    content {
      retention_period = retention_policy.value * 24 * 60 * 60
      is_locked        = var.retention_locked
    }
  }

  dynamic "logging" {
    for_each = var.log_bucket == null ? [] : [var.log_bucket]
    content {
      log_bucket        = logging.value
      log_object_prefix = var.name
    }
  }

  lifecycle {
    precondition {
      condition     = var.replaceable || try(terraform_data.place[0].output == local.place, false)
      error_message = "${var.name}: expected the place that the bucket has (${try(jsonencode(terraform_data.place[0].output), "")}), and it would be ${jsonencode(local.place)}: a bucket cannot move, so it and all models in it would be deleted. docs/7-deploy.md, \"Move the registry\", has the way."
    }
  }
}

resource "google_storage_bucket_iam_member" "reader" {
  for_each = var.readers

  bucket = google_storage_bucket.models.id
  role   = "roles/storage.objectViewer"
  member = each.value
}

# Who publishes may look and create ...
resource "google_storage_bucket_iam_member" "writer" {
  for_each = {
    for pair in setproduct(keys(var.writers), ["roles/storage.objectViewer", "roles/storage.objectCreator"]) :
    "${pair[0]} ${pair[1]}" => { member = var.writers[pair[0]], role = pair[1] }
  }

  bucket = google_storage_bucket.models.id
  role   = each.value.role
  member = each.value.member
}

# ... and replace nothing but aliases: published versions are for ever.
resource "google_storage_bucket_iam_member" "aliases" {
  for_each = var.writers

  bucket = google_storage_bucket.models.id
  role   = "roles/storage.objectUser"
  member = each.value

  condition {
    title       = "aliases only"
    description = "Versions are created once and never changed; an alias is replaced to release or roll back."
    expression  = "resource.name.extract(\"/aliases/{name}.json\") != \"\" && resource.name.extract(\"/aliases/{name}.json/\") == \"\" && resource.name.endsWith(\".json\") && resource.name.extract(\"/versions/{rest}\") == \"\""
  }
}
