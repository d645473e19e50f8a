# The key that provenance is signed with. The private half never leaves Cloud KMS; the pipeline may use
# it, and anybody with its public half can check what it signed.

locals {
  signs = coalesce(var.signing, var.environment == "prod")

  # By name, because a version of the key is an attribute that is known after it was made.
  signing_key = local.signs ? "projects/${var.project_id}/locations/${var.region}/keyRings/delivery-${var.environment}/cryptoKeys/provenance/cryptoKeyVersions/1" : ""
}

resource "google_project_service" "kms" {
  count = local.signs ? 1 : 0

  project = var.project_id
  service = "cloudkms.googleapis.com"

  disable_on_destroy = false
}

resource "google_kms_key_ring" "delivery" {
  count = local.signs ? 1 : 0

  project  = var.project_id
  name     = "delivery-${var.environment}"
  location = var.region

  depends_on = [google_project_service.kms]
}

resource "google_kms_crypto_key" "provenance" {
  #checkov:skip=CKV_GCP_43:Cloud KMS rotates symmetric keys alone; a new version of this one has another public half, which whoever verifies must be told.
  #checkov:skip=CKV_GCP_82:A key that is destroyed can sign no more, and verifies nothing less: its public half is kept by whoever needs it.
  count = local.signs ? 1 : 0

  name     = "provenance"
  key_ring = google_kms_key_ring.delivery[0].id
  purpose  = "ASYMMETRIC_SIGN"

  version_template {
    algorithm        = "EC_SIGN_P256_SHA256"
    protection_level = "SOFTWARE"
  }
}

resource "google_kms_crypto_key_iam_member" "signs" {
  count = local.signs ? 1 : 0

  crypto_key_id = google_kms_crypto_key.provenance[0].id
  role          = "roles/cloudkms.signerVerifier"
  member        = google_service_account.pipeline.member
}
