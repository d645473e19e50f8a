variable "environments" {
  description = "The pipelines by environment, each in a project of its own. `from` is the environment whose tested models are released; `import_state` takes over the bucket of the state, PROJECT-terraform, which docs/7-deploy.md makes by hand; the rest is as in modules/delivery."
  type = map(object({
    project_id      = string
    region          = optional(string, "europe-west1")
    bucket_prefix   = optional(string)
    from            = optional(string)
    grantable_roles = optional(set(string))
    more_roles      = optional(set(string), [])
    approvers       = optional(map(string), {})
    rollbackers     = optional(map(string), {})
    kms_key_name    = optional(string)
    signing         = optional(bool)
    import_state    = optional(bool, false)
    github          = optional(object({ repository_id = string, owner_id = string, ref = string }))
    trigger = optional(object({
      repository        = string
      branch            = optional(string)
      tag               = optional(string)
      approval_required = optional(bool, false)
      main              = optional(string, "main")
      images            = object({ python = string, gcloud = string, terraform = string })
      substitutions     = optional(map(string), {})
    }))
  }))

  validation {
    condition     = length(distinct([for one in values(var.environments) : one.project_id])) == length(var.environments)
    error_message = "environments: expected a project for each, because a pipeline may act as every account of its project, and staging's could then be prod's."
  }

  validation {
    condition     = alltrue([for name, one in var.environments : one.from == null ? true : contains(keys(var.environments), one.from) && one.from != name])
    error_message = "environments: expected from to be another one of them, because its models are released."
  }

  validation {
    condition     = !contains(keys(var.environments), "prod") ? true : try(var.environments["prod"].from, null) != null
    error_message = "environments: expected from for prod, because prod releases what was tested, and exports nothing."
  }
}
