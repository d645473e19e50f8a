# What a project owner applies once, before any pipeline runs: see docs/9-delivery.md.
#
# The state is a local file unless a backend is added. Keep it where the pipelines cannot write.

module "delivery" {
  source   = "../modules/delivery"
  for_each = var.environments

  project_id      = each.value.project_id
  environment     = each.key
  region          = each.value.region
  bucket_prefix   = each.value.bucket_prefix
  grantable_roles = each.value.grantable_roles
  more_roles      = each.value.more_roles
  approvers       = each.value.approvers
  rollbackers     = each.value.rollbackers
  kms_key_name    = each.value.kms_key_name
  signing         = each.value.signing
  github          = each.value.github
  trigger = each.value.trigger == null ? null : merge(each.value.trigger, {
    substitutions = merge(
      each.value.from == null ? {} : { _FROM_REGISTRY = local.registries[each.value.from] },
      each.value.trigger.substitutions,
    )
  })
}

# A bucket that is there already is taken over instead of being made, which would end in 409.
import {
  for_each = { for name, one in var.environments : name => "${one.project_id}-terraform" if one.import_state }

  to = module.delivery[each.key].google_storage_bucket.bucket[each.value]
  id = "${var.environments[each.key].project_id}/${each.value}"
}

locals {
  # By name and not from the module, which would then depend on itself.
  prefixes   = { for name, one in var.environments : name => coalesce(one.bucket_prefix, "${one.project_id}-${name}") }
  registries = { for name, prefix in local.prefixes : name => "gs://${prefix}-models" }
}

# A pipeline that releases what another environment serves reads its models there, and nothing else.
resource "google_project_iam_member" "takes_over" {
  for_each = { for name, one in var.environments : name => one.from if one.from != null }

  project = var.environments[each.value].project_id
  role    = "roles/storage.objectViewer"
  member  = module.delivery[each.key].pipeline_member

  condition {
    title      = "models for ${each.key}"
    expression = "resource.name == \"projects/_/buckets/${local.prefixes[each.value]}-models\" || resource.name.startsWith(\"projects/_/buckets/${local.prefixes[each.value]}-models/\")"
  }
}
