variable "project_id" {
  description = "Project of the environment, with nothing in it that the pipeline must not reach."
  type        = string
}

variable "environment" {
  description = "Environment that is delivered to: infra/environments/ENVIRONMENT.tfvars."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,15}$", var.environment))
    error_message = "environment: expected 2 to 16 lower-case letters or digits, such as staging, because accounts, roles and pools are named after it."
  }

  validation {
    condition     = var.environment == "prod" || !strcontains(var.environment, "prod")
    error_message = "environment: expected prod, or a name without it, because approvals and signatures are demanded of prod by that name."
  }
}

variable "region" {
  description = "Region of functions and buckets. Triggers are in that of their repository's connection."
  type        = string
}

variable "bucket_prefix" {
  description = "Beginning of the names of infra/'s buckets, as there; by default project and environment."
  type        = string
  default     = null

  validation {
    condition     = var.bucket_prefix == null ? true : !startswith("${var.project_id}-", "${var.bucket_prefix}-")
    error_message = "bucket_prefix: expected more than the beginning of the project's id, because the pipeline may say who reads buckets that begin so, and the state must not be one of them."
  }
}

variable "kms_key_name" {
  description = "Key that encrypts the buckets, as projects/P/locations/L/keyRings/R/cryptoKeys/K in their region; null for Google's own."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_name == null ? true : can(regex("^projects/[^/]+/locations/${var.region}/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key_name))
    error_message = "kms_key_name: expected projects/P/locations/L/keyRings/R/cryptoKeys/K with L as region, because a bucket takes a key of its own location alone."
  }
}

variable "signing" {
  description = "Whether the provenance of bundles is signed, with a key in Cloud KMS that is made here; it cannot be deleted, and costs a few cents a month. null: in prod alone."
  type        = bool
  default     = null

  validation {
    condition     = var.environment == "prod" ? coalesce(var.signing, true) : true
    error_message = "signing: expected true for prod, because prod deploys nothing whose provenance nobody signed."
  }
}

variable "grantable_roles" {
  description = "Roles on the project that infra/ gives to accounts, and the pipeline may therefore give."
  type        = set(string)
  default     = ["roles/artifactregistry.writer", "roles/logging.logWriter", "roles/storage.objectViewer"]
  nullable    = false

  validation {
    condition     = alltrue([for role in var.grantable_roles : !can(regex("^roles/(owner|editor|iam\\..*|resourcemanager\\..*)$", role))])
    error_message = "grantable_roles: expected none of roles/owner, roles/editor, roles/iam.* and roles/resourcemanager.*, because whoever may give these can give itself everything."
  }
}

variable "more_roles" {
  description = "Roles on the project beyond those that infra/ always needs, such as roles/compute.loadBalancerAdmin; docs/9-delivery.md says what needs which."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for role in var.more_roles : !can(regex("^roles/(owner|editor|iam\\..*|resourcemanager\\..*)$", role))])
    error_message = "more_roles: expected none of roles/owner, roles/editor, roles/iam.* and roles/resourcemanager.*, because the pipeline could then raise its own rights."
  }
}

variable "approvers" {
  description = "Who may approve builds of the trigger: IAM members by a name of your choice."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for member in values(var.approvers) : can(regex("^((user|group|serviceAccount):[^\\s:@]+@[^\\s:@]+|serviceAccount:\\S+\\.svc\\.id\\.goog\\[\\S+\\]|domain:[^\\s:@/]+|principal(Set)?://\\S+)$", member))])
    error_message = "approvers: expected IAM members such as user:me@example.com, group:team@example.com, serviceAccount:NAME@PROJECT.iam.gserviceaccount.com, domain:example.com, principal://… or principalSet://…, because Google refuses others only when they are applied."
  }

  validation {
    condition     = alltrue([for name in keys(var.approvers) : can(regex("^[A-Za-z0-9][A-Za-z0-9._@-]*$", name))])
    error_message = "approvers: expected names of letters, digits, dots, dashes, underscores and @, because they are part of what Terraform calls each right."
  }
}

variable "rollbackers" {
  description = "Who may take a release back without an approval: IAM members by a name of your choice."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(var.rollbackers) == 0 || var.trigger == null ? true : var.trigger.approval_required
    error_message = "rollbackers: expected trigger.approval_required = true beside them, because whoever may start the rollback may start any trigger of the project, and the delivery must then wait for an approval."
  }

  validation {
    condition     = alltrue([for member in values(var.rollbackers) : can(regex("^((user|group|serviceAccount):[^\\s:@]+@[^\\s:@]+|serviceAccount:\\S+\\.svc\\.id\\.goog\\[\\S+\\]|domain:[^\\s:@/]+|principal(Set)?://\\S+)$", member))])
    error_message = "rollbackers: expected IAM members such as user:me@example.com, group:team@example.com, serviceAccount:NAME@PROJECT.iam.gserviceaccount.com, domain:example.com, principal://… or principalSet://…, because Google refuses others only when they are applied."
  }

  validation {
    condition     = alltrue([for name in keys(var.rollbackers) : can(regex("^[A-Za-z0-9][A-Za-z0-9._@-]*$", name))])
    error_message = "rollbackers: expected names of letters, digits, dots, dashes, underscores and @, because they are part of what Terraform calls each right."
  }
}

variable "trigger" {
  description = "What starts Cloud Build: a repository on GitHub that is connected (2nd generation), a push to a branch or of a tag (regular expressions), the branch whose code takes a release back, the images by digest, and what else cloudbuild.yaml substitutes. null for no trigger."
  type = object({
    repository        = string
    branch            = optional(string)
    tag               = optional(string)
    approval_required = optional(bool, false)
    main              = optional(string, "main")
    images            = object({ python = string, gcloud = string, terraform = string })
    substitutions     = optional(map(string), {})
  })
  default = null

  validation {
    condition     = var.trigger == null ? true : can(regex("^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$", var.trigger.repository))
    error_message = "trigger: expected repository = projects/P/locations/L/connections/C/repositories/R, because a repository must have been connected by somebody who may."
  }

  validation {
    condition     = var.trigger == null ? true : (var.trigger.branch == null) != (var.trigger.tag == null)
    error_message = "trigger: expected either branch or tag, because one push is one delivery."
  }

  validation {
    condition     = var.trigger == null ? true : alltrue([for image in values(var.trigger.images) : can(regex("@sha256:[0-9a-f]{64}$", image))])
    error_message = "trigger: expected images as NAME@sha256:DIGEST, because what a tag means can change between staging and prod (docker buildx imagetools inspect NAME:TAG tells the digest)."
  }

  validation {
    condition     = var.trigger == null ? true : length(setintersection(keys(var.trigger.substitutions), ["_ENVIRONMENT", "_SIGNING_KEY"])) == 0
    error_message = "trigger: expected neither _ENVIRONMENT nor _SIGNING_KEY among substitutions, because approvals and signatures depend on them; environment and signing set them."
  }

  validation {
    condition     = var.trigger == null || var.environment != "prod" ? true : var.trigger.approval_required
    error_message = "trigger: expected approval_required = true for prod, because nobody else asks whether it should be released."
  }
}

variable "github" {
  description = "The repository and its owner by number (gh api repos/OWNER/NAME --jq '.id, .owner.id'), and the ref (refs/heads/main, or refs/tags/v* for all that begin so) whose GitHub Actions may be the pipeline; null for none."
  type        = object({ repository_id = string, owner_id = string, ref = string })
  default     = null

  validation {
    condition     = var.github == null ? true : can(regex("^[0-9]+$", var.github.repository_id)) && can(regex("^[0-9]+$", var.github.owner_id))
    error_message = "github: expected repository_id and owner_id as numbers, which `gh api repos/OWNER/NAME --jq '.id, .owner.id'` tells, because a name can come to mean somebody else's repository."
  }

  validation {
    condition     = var.github == null ? true : can(regex("^refs/(heads|tags)/[A-Za-z0-9._/-]+\\*?$", var.github.ref))
    error_message = "github: expected ref = refs/heads/BRANCH or refs/tags/TAG, with a * at its end at most, because any branch could otherwise deliver."
  }
}
