variable "project_id" {
  description = "Project that everything is in."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id: expected the id, 6 to 30 lower-case letters, digits or dashes, and not the number or the display name."
  }
}

variable "region" {
  description = "Region of functions, models and sources."
  type        = string
  default     = "europe-west1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region: expected a region such as europe-west1 (a zone such as europe-west1-b has one part too many)."
  }
}

variable "environment" {
  description = "dev, staging or prod. prod refuses public functions, and is protected against deletion."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment: expected dev, staging or prod, because the rules for prod hang on it."
  }
}

variable "bundle" {
  description = "The zip that `make bundle` writes, for all functions that name no other: its path, or gs://bucket/object#generation."
  type        = string
}

variable "release" {
  description = "What is deployed: the Git commit, when it was committed (RFC 3339, UTC), and the sha256 of `bundle`. The pipeline gives it, and refuses to go back behind what the state has; null when somebody applies by hand."
  type        = object({ commit = string, committed_at = string, digest = string })
  default     = null

  validation {
    condition     = var.release == null ? true : can(regex("^[0-9a-f]{40}$", var.release.commit)) && can(regex("^[0-9a-f]{64}$", var.release.digest)) && can(timeadd(var.release.committed_at, "0s"))
    error_message = "release: expected a commit of 40 hexadecimal digits, a digest of 64, and committed_at such as 2026-01-31T23:59:59Z, because labels are made of them, and the next delivery compares them."
  }
}

variable "models" {
  description = "The functions by name, each with the models that it serves. What is left out is as in modules/prediction_function."
  type = map(object({
    platform        = optional(string, "function")
    models          = optional(list(string), [])
    baked           = optional(bool, false)
    bundle          = optional(string)
    rebuild         = optional(string)
    registry        = optional(string)
    entry_point     = optional(string, "predict")
    runtime         = optional(string, "python312")
    runtime_updates = optional(string)
    cpu             = optional(string, "1")
    memory          = optional(string, "512Mi")
    concurrency     = optional(number, 16)
    min_instances   = optional(number, 0)
    max_instances   = optional(number, 10)
    timeout_seconds = optional(number, 60)
    ingress         = optional(string, "ALLOW_ALL")
    invokers        = optional(map(string), {})
    public          = optional(bool, false)
    env             = optional(map(string), {})
    secrets = optional(map(object({
      secret     = string
      version    = optional(string, "latest")
      project_id = optional(string)
    })), {})
    secret_volumes = optional(map(object({
      secret     = string
      version    = optional(string, "latest")
      file       = optional(string)
      project_id = optional(string)
    })), {})
    vpc = optional(object({
      network    = optional(string)
      subnetwork = optional(string)
      tags       = optional(list(string))
      connector  = optional(string)
      egress     = optional(string, "PRIVATE_RANGES_ONLY")
    }))
    labels = optional(map(string), {})
    service = optional(object({
      image                = optional(string)
      base_image           = optional(string)
      regions              = optional(list(string))
      startup_probe        = optional(string)
      startup_seconds      = optional(number)
      startup_cpu_boost    = optional(bool)
      mount_registry       = optional(bool)
      session_affinity     = optional(bool)
      custom_audiences     = optional(list(string))
      invoker_iam_disabled = optional(bool)
      gpu                  = optional(string)
      liveness = optional(object({
        enabled           = optional(bool)
        period_seconds    = optional(number)
        timeout_seconds   = optional(number)
        failure_threshold = optional(number)
      }))
      traffic = optional(map(object({
        percent = optional(number)
        tag     = optional(string)
      })))
    }))
  }))

  validation {
    condition     = length(var.models) > 0
    error_message = "models: expected at least one function, because there is nothing to deploy without."
  }

  validation {
    condition     = alltrue([for model in values(var.models) : contains(["function", "service"], model.platform)])
    error_message = "models: expected platform = \"function\" (Cloud Functions, with its defaults) or \"service\" (Cloud Run itself: probes, volumes, traffic by revision, regions)."
  }

  validation {
    condition     = alltrue([for model in values(var.models) : model.platform == "service" || model.service == null])
    error_message = "models: expected service beside platform = \"service\" alone, because a function has nothing of what it says."
  }

  validation {
    condition     = alltrue([for model in values(var.models) : try(model.service.gpu, null) == null])
    error_message = "models: expected no gpu, because LiteRT runs these models on the processor: a GPU would be billed while it waits, and needs 4 cpu and 16Gi. A model that wants one wants another server."
  }

  validation {
    condition     = var.environment != "prod" || alltrue([for model in values(var.models) : !model.public && !coalesce(try(model.service.invoker_iam_disabled, null), false)])
    error_message = "models: expected neither public = true nor invoker_iam_disabled = true in prod, because everybody could then spend your money; name invokers instead; public_edge does not change that."
  }

  validation {
    condition = alltrue([
      for model in values(var.models) : try(model.service.regions, null) == null ? true : contains(model.service.regions, var.region) && length(distinct(model.service.regions)) == length(model.service.regions)
    ])
    error_message = "models: expected regions to have var.region among them, and each once, because the registry is there and what watches the service begins there."
  }

  validation {
    condition = alltrue([
      for model in values(var.models) : length(coalesce(try(model.service.regions, null), [])) < 2 || (try(model.vpc.subnetwork, null) == null && try(model.vpc.connector, null) == null)
    ])
    error_message = "models: expected vpc = { network = … } of a service in several regions, because a subnetwork and a connector are of one region; that of the network's own name is used in each."
  }
}

variable "publishers" {
  description = "Who may publish versions and move aliases: IAM members by a name of your choice, such as the pipeline's account."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for member in values(var.publishers) : can(regex("^((user|group|serviceAccount):[^\\s:@]+@[^\\s:@]+|serviceAccount:\\S+\\.svc\\.id\\.goog\\[\\S+\\]|domain:[^\\s:@/]+|principal(Set)?://\\S+)$", member))])
    error_message = "publishers: expected IAM members such as user:me@example.com, group:team@example.com, serviceAccount:NAME@PROJECT.iam.gserviceaccount.com, domain:example.com, principal://… or principalSet://…, because Google refuses others only when they are applied."
  }

  validation {
    condition     = alltrue([for name in keys(var.publishers) : can(regex("^[A-Za-z0-9][A-Za-z0-9._@-]*$", name))])
    error_message = "publishers: expected names of letters, digits, dots, dashes, underscores and @, because they are part of what Terraform calls each right."
  }
}

variable "bucket_prefix" {
  description = "Beginning of the buckets' names; by default project and environment."
  type        = string
  default     = null
}

variable "bucket_location" {
  description = "Where models are; by default the region."
  type        = string
  default     = null
}

variable "noncurrent_days" {
  description = "How long a former alias can still be read."
  type        = number
  default     = 30
}

variable "log_bucket" {
  description = "Bucket that gets access logs of the buckets, on which group:cloud-storage-analytics@google.com may create objects; null for none."
  type        = string
  default     = null
}

variable "kms_key_name" {
  description = "Key for buckets, sources and images; null for Google's own. It needs docker_repository, and Google's own accounts need the key: docs/7-deploy.md names them."
  type        = string
  default     = null

  validation {
    condition = var.kms_key_name == null ? true : alltrue([
      for location in [coalesce(var.bucket_location, var.region), var.region] : try(split("/", var.kms_key_name)[3], "") == lower(location)
    ])
    error_message = "kms_key_name: expected a key in the region, and no other bucket_location, because Cloud Storage and Cloud Functions take keys of their own location alone."
  }
}

variable "docker_repository" {
  description = "Artifact Registry repository for images; null for the one that Cloud Functions makes, and services-ENVIRONMENT, which is made here, of services."
  type        = string
  default     = null
}

variable "binary_authorization_policy" {
  description = "Policy that images must keep; null for none."
  type        = string
  default     = null
}

variable "public_edge" {
  description = "Public names for functions, through a load balancer with Cloud Armor; null for none. What is left out is as in modules/public_edge. It costs about 26 USD a month while nobody asks."
  type = object({
    hosts = map(object({
      function = optional(string)
      paths    = optional(map(string), {})
    }))
    certificate_map = optional(string)
    min_tls_version = optional(string)
    rate_limit = optional(object({
      requests    = optional(number)
      seconds     = optional(number)
      ban_seconds = optional(number)
    }))
    max_request_bytes      = optional(number)
    require_content_length = optional(bool)
    allowed_regions        = optional(set(string))
    denied_regions         = optional(set(string))
    allowed_ip_ranges      = optional(list(string))
    adaptive_protection    = optional(bool)
    waf                    = optional(map(number))
    log_sample_rate        = optional(number)
  })
  default = null

  validation {
    condition = var.public_edge == null ? true : alltrue(flatten([
      for host in values(var.public_edge.hosts) : [for function in concat(values(host.paths), compact([host.function])) : contains(keys(var.models), function)]
    ]))
    error_message = "public_edge: expected each function of hosts to be one of models, because nothing else can answer."
  }

  validation {
    condition = var.public_edge == null ? true : alltrue(flatten([
      for host in values(var.public_edge.hosts) : [
        for function in concat(values(host.paths), compact([host.function])) : try(var.models[function].ingress, "ALLOW_INTERNAL_AND_GCLB") == "ALLOW_INTERNAL_AND_GCLB"
      ]
    ]))
    error_message = "public_edge: expected ingress = \"ALLOW_INTERNAL_AND_GCLB\" of each function of hosts, because ALLOW_INTERNAL_ONLY shuts the load balancer out, and with ALLOW_ALL everybody could go round it by the function's own URL."
  }
}

variable "monitoring" {
  description = "Who is told of what, as in modules/monitoring, whose defaults hold for what is left out. `alerts` is essential or all. `functions` has what is different for some: alerts = false, thresholds, slo, expects (traffic), uptime (a check from outside, which wakes instances)."
  type = object({
    enabled            = optional(bool, true)
    alerts             = optional(string)
    emails             = optional(map(string), {})
    channels           = optional(list(string), [])
    thresholds         = optional(map(number), {})
    slo                = optional(map(number), {})
    auto_close_minutes = optional(number)
    runbook            = optional(string)
    budget = optional(object({
      billing_account = string
      amount          = number
      currency        = optional(string)
    }))
    functions = optional(map(object({
      alerts     = optional(bool)
      thresholds = optional(map(number))
      slo        = optional(map(number))
      expects = optional(object({
        requests = optional(number)
        minutes  = optional(number)
      }))
      uptime = optional(object({
        period_seconds  = optional(number)
        timeout_seconds = optional(number)
      }))
    })), {})
  })
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.monitoring.functions) : contains(keys(var.models), name)])
    error_message = "monitoring: expected functions to be some of models, because there are no others to watch."
  }
}

variable "build_worker_pool" {
  description = "Private pool of Cloud Build that builds all images, as projects/P/locations/L/workerPools/W: for perimeters of VPC Service Controls, and builds in a network of your own; null for Google's."
  type        = string
  default     = null
}

variable "grant_shared_subnetworks" {
  description = "Whether subnetworks of a host project (Shared VPC) that `models` name are opened to this project's account of Cloud Run (roles/compute.networkUser), for which whoever applies must be allowed to grant roles there; false where the host's administrators do it."
  type        = bool
  default     = false
}
