variable "project_id" {
  description = "Project that the bucket is in."
  type        = string
}

variable "name" {
  description = "Name of the bucket, unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.name))
    error_message = "name: expected 3 to 63 lower-case letters, digits, dashes or underscores, beginning and ending with a letter or digit, because Cloud Storage allows no others (dots would need a verified domain)."
  }
}

variable "location" {
  description = "Region, dual-region or multi-region, such as europe-west1 or EU. Keep it where the function is: a cold start reads from it."
  type        = string
}

variable "dual_region" {
  description = "The two regions of a configurable dual-region whose continent is `location`; null for none."
  type        = set(string)
  default     = null

  validation {
    condition     = var.dual_region == null ? true : length(var.dual_region) == 2
    error_message = "dual_region: expected two regions, because a dual-region has two."
  }
}

variable "kms_key_name" {
  description = "Key that new objects are encrypted with; null for Google's own."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_name == null ? true : can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key_name))
    error_message = "kms_key_name: expected projects/P/locations/L/keyRings/R/cryptoKeys/K, without a version: keys are rotated."
  }
}

variable "noncurrent_days" {
  description = "How long a replaced or deleted object can still be read."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_days >= 1 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days: expected a whole number of at least 1, because a rollback that went wrong is undone with a former alias."
  }
}

variable "noncurrent_versions" {
  description = "How many newer versions an object must have before a noncurrent one is deleted."
  type        = number
  default     = 3

  validation {
    condition     = var.noncurrent_versions >= 1 && floor(var.noncurrent_versions) == var.noncurrent_versions
    error_message = "noncurrent_versions: expected a whole number of at least 1."
  }
}

variable "soft_delete_days" {
  description = "How long a deleted object can be restored; 0 turns it off."
  type        = number
  default     = 7

  validation {
    condition     = var.soft_delete_days == 0 || (var.soft_delete_days >= 7 && var.soft_delete_days <= 90)
    error_message = "soft_delete_days: expected 0, or 7 to 90, because Cloud Storage allows no others."
  }
}

variable "retention_days" {
  description = "How long no object may be replaced or deleted; null for no such rule. Aliases are objects, too: with a rule, none can be moved before it is over."
  type        = number
  default     = null

  validation {
    condition     = var.retention_days == null ? true : var.retention_days >= 1 && var.retention_days <= 36500
    error_message = "retention_days: expected 1 to 36500 (a hundred years), because Cloud Storage allows no others."
  }
}

variable "retention_locked" {
  description = "Whether retention_days can never be shortened again. This cannot be undone."
  type        = bool
  default     = false
}

variable "log_bucket" {
  description = "Bucket that gets access logs; null for none (Cloud Audit Logs are the better choice where data access is audited)."
  type        = string
  default     = null
}

variable "readers" {
  description = "Who may read models: IAM members by a name of your choice, such as { function = \"serviceAccount:…\" }."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for member in values(var.readers) : can(regex("^((user|group|serviceAccount):[^\\s:@]+@[^\\s:@]+|serviceAccount:\\S+\\.svc\\.id\\.goog\\[\\S+\\]|domain:[^\\s:@/]+|principal(Set)?://\\S+)$", member))])
    error_message = "readers: expected IAM members such as user:me@example.com, group:team@example.com, serviceAccount:NAME@PROJECT.iam.gserviceaccount.com, domain:example.com, principal://… or principalSet://…, because Google refuses others only when they are applied."
  }

  validation {
    condition     = alltrue([for name in keys(var.readers) : can(regex("^[A-Za-z0-9][A-Za-z0-9._@-]*$", name))])
    error_message = "readers: expected names of letters, digits, dots, dashes, underscores and @, because they are part of what Terraform calls each right."
  }
}

variable "writers" {
  description = "Who may publish versions and move aliases: IAM members by a name of your choice."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for member in values(var.writers) : can(regex("^((user|group|serviceAccount):[^\\s:@]+@[^\\s:@]+|serviceAccount:\\S+\\.svc\\.id\\.goog\\[\\S+\\]|domain:[^\\s:@/]+|principal(Set)?://\\S+)$", member))])
    error_message = "writers: expected IAM members such as user:me@example.com, group:team@example.com, serviceAccount:NAME@PROJECT.iam.gserviceaccount.com, domain:example.com, principal://… or principalSet://…, because Google refuses others only when they are applied."
  }

  validation {
    condition     = alltrue([for name in keys(var.writers) : can(regex("^[A-Za-z0-9][A-Za-z0-9._@-]*$", name))])
    error_message = "writers: expected names of letters, digits, dots, dashes, underscores and @, because they are part of what Terraform calls each right."
  }
}

variable "force_destroy" {
  description = "Whether `terraform destroy` deletes a bucket that still has models in it."
  type        = bool
  default     = false
}

variable "replaceable" {
  description = "Whether a bucket of another place may replace this one, and what is in it is lost."
  type        = bool
  default     = false
}

variable "labels" {
  description = "Labels of the bucket."
  type        = map(string)
  default     = {}
}
