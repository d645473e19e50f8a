variable "project_id" {
  description = "Project that images are built in."
  type        = string
}

variable "account_id" {
  description = "Id of the account."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.account_id))
    error_message = "account_id: expected 6 to 30 lower-case letters, digits or dashes, because IAM allows no others."
  }
}

variable "display_name" {
  description = "What people see."
  type        = string
}

variable "source_bucket" {
  description = "Bucket with the zips that are built."
  type        = string
}
