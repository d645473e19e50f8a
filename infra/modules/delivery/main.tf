# What one environment's pipeline needs before its first run: its identities, its buckets, and what
# starts it. A project owner applies this once; the pipeline cannot, or it could raise its own rights.

locals {
  bucket_prefix = coalesce(var.bucket_prefix, "${var.project_id}-${var.environment}")
  state_bucket  = "${var.project_id}-terraform"
  kept_bucket   = "${var.project_id}-delivery"
  registry      = "gs://${local.bucket_prefix}-models"

  services = toset(concat(var.kms_key_name == null ? [] : ["cloudkms.googleapis.com"], [
    "cloudbuild.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
    "sts.googleapis.com",
  ]))
}

resource "google_project_service" "needed" {
  for_each = local.services

  project = var.project_id
  service = each.value

  # Others in the project may need it when this is gone.
  disable_on_destroy = false
}

resource "google_service_account" "pipeline" {
  project      = var.project_id
  account_id   = "delivery-${var.environment}"
  display_name = "Delivery to ${var.environment}"
  description  = "Publishes models, and applies infra/."

  depends_on = [google_project_service.needed]
}

# Who is shown to a function after a deployment: the pipeline itself has other roles that may let it
# in, and would not notice that nobody else can call.
resource "google_service_account" "smoke" {
  project      = var.project_id
  account_id   = "smoke-${var.environment}"
  display_name = "Smoke test of ${var.environment}"
  description  = "Calls functions for the smoke test."

  depends_on = [google_project_service.needed]
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

# The state of infra/ in one, in the other what runs leave behind and what models are trained from.
resource "google_storage_bucket" "bucket" {
  #checkov:skip=CKV_GCP_62:The pipeline alone has a role here; whoever wants to know who else looked has Cloud Audit Logs, without another bucket.
  for_each = toset([local.state_bucket, local.kept_bucket])

  project                     = var.project_id
  name                        = each.value
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  # Without its state, nobody knows any more what infra/ has made.
  deletion_policy = "PREVENT"

  dynamic "encryption" {
    for_each = var.kms_key_name == null ? [] : [var.kms_key_name]
    content {
      default_kms_key_name = encryption.value
    }
  }

  # A state that was damaged is read again as it was.
  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      num_newer_versions         = 20
      days_since_noncurrent_time = 30
      with_state                 = "ARCHIVED"
    }
  }

  # A bucket that was there already stays where it is: to be moved, it would be deleted.
  lifecycle {
    ignore_changes = [location]
  }

  depends_on = [google_project_service.needed, google_kms_crypto_key_iam_member.storage]
}
