variable "project_id" {
  description = "Project that the function runs in."
  type        = string
}

variable "region" {
  description = "Region that the function runs in; that of its models, or each cold start reads across the world."
  type        = string
}

variable "name" {
  description = "Name of the function and of its Cloud Run service."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,47}[a-z0-9])?$", var.name))
    error_message = "name: expected 1 to 49 lower-case letters, digits or dashes, beginning with a letter and not ending with a dash, because it names a Cloud Run service, too."
  }
}

variable "bundle" {
  description = "The zip that `make bundle` writes: its path, or gs://bucket/object#generation of one in a bucket, which the build's account may read."
  type        = string

  validation {
    condition     = startswith(var.bundle, "gs://") || fileexists(var.bundle)
    error_message = "bundle: expected the path of a zip, and there is none: run `make bundle`, and give what it prints."
  }

  validation {
    condition     = !startswith(var.bundle, "gs://") || can(regex("^gs://[^/]+/.+#[0-9]+$", var.bundle))
    error_message = "bundle: expected gs://bucket/object#generation, as `gcloud storage ls --all-versions` prints it, because without its generation nobody could tell that the object is another."
  }
}

variable "source_bucket" {
  description = "Name of the bucket that gets the zip."
  type        = string
}

variable "model_registry" {
  description = "Where models come from, such as gs://bucket or gs://bucket/prefix; null if the bundle carries them."
  type        = string
  default     = null

  validation {
    condition     = var.model_registry == null ? true : can(regex("^(gs|file)://.+$", var.model_registry))
    error_message = "model_registry: expected gs://bucket[/prefix] or file:///folder; leave it out if the bundle carries its models."
  }
}

variable "model_bucket" {
  description = "Bucket of the registry, which the function gets the right to read; null if it has none, or has the right already."
  type        = string
  default     = null
}

variable "models" {
  description = "What is served: name, name@alias or name@version; the first is the default. Empty for what the bundle carries."
  type        = list(string)
  default     = []

  validation {
    condition     = (length(var.models) > 0 || var.model_registry == null) && length(distinct(var.models)) == length(var.models)
    error_message = "models: expected at least one of the registry, each once, because a function without any cannot answer."
  }

  validation {
    condition     = alltrue([for model in var.models : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}(@[A-Za-z0-9][A-Za-z0-9._-]{0,62})?$", model))])
    error_message = "models: expected name, name@alias or name@version each, each name of 1 to 63 letters, digits, dots, underscores and dashes, as in the registry."
  }
}

variable "rebuild" {
  description = "Any text: with another one than before, the same zip is built again, as after a build that failed for reasons outside of it."
  type        = string
  default     = null
}

variable "runtime" {
  description = "Python of the function."
  type        = string
  default     = "python312"

  validation {
    condition     = contains(["python311", "python312", "python313"], var.runtime)
    error_message = "runtime: expected python311, python312 or python313, because the bundle's requirements have wheels for these and no others."
  }
}

variable "runtime_updates" {
  description = "When security patches of the runtime come into the image: automatic (Google puts a new base under it, without a build) or on_deploy (with the next build); null for what Google does by default, which is automatic."
  type        = string
  default     = null

  validation {
    condition     = var.runtime_updates == null ? true : contains(["automatic", "on_deploy"], var.runtime_updates)
    error_message = "runtime_updates: expected automatic or on_deploy, because Cloud Functions has no others."
  }
}

variable "entry_point" {
  description = "predict (ASGI, many requests at once) or predict_wsgi (Flask)."
  type        = string
  default     = "predict"

  validation {
    condition     = contains(["predict", "predict_wsgi"], var.entry_point)
    error_message = "entry_point: expected predict or predict_wsgi, because the bundle has no other."
  }
}

variable "cpu" {
  description = "Processors of an instance."
  type        = string
  default     = "1"

  validation {
    condition     = can(tonumber(var.cpu)) ? contains([1, 2, 4, 6, 8], tonumber(var.cpu)) || (tonumber(var.cpu) >= 0.083 && tonumber(var.cpu) < 1) : false
    error_message = "cpu: expected 1, 2, 4, 6 or 8, or a fraction from 0.083 to below 1, because Cloud Run has no others."
  }
}

variable "memory" {
  description = "Memory of an instance, in Mi or Gi."
  type        = string
  default     = "512Mi"

  validation {
    condition     = can(regex("^[0-9]+(Mi|Gi)$", var.memory))
    error_message = "memory: expected a whole number with Mi or Gi, such as 512Mi."
  }

  validation {
    condition = try(alltrue([for mebibytes in [tonumber(regex("^[0-9]+", var.memory)) * (endswith(var.memory, "Gi") ? 1024 : 1)] :
      mebibytes >= 128 && mebibytes <= 32768
    ]), true)
    error_message = "memory: expected 128Mi to 32Gi, because Cloud Run has no other sizes."
  }

  validation {
    condition = try(alltrue([for mebibytes in [tonumber(regex("^[0-9]+", var.memory)) * (endswith(var.memory, "Gi") ? 1024 : 1)] :
      (mebibytes <= 512 || tonumber(var.cpu) >= 0.5) &&
      (mebibytes <= 1024 || tonumber(var.cpu) >= 1) &&
      (mebibytes <= 4096 || tonumber(var.cpu) >= 2) &&
      (mebibytes <= 8192 || tonumber(var.cpu) >= 4) &&
      (mebibytes <= 16384 || tonumber(var.cpu) >= 6) &&
      (mebibytes <= 24576 || tonumber(var.cpu) >= 8)
    ]), true)
    error_message = "memory: too much for so few processors. Cloud Run gives more than 512Mi with at least 0.5 cpu, more than 1Gi with 1, more than 4Gi with 2, more than 8Gi with 4, more than 16Gi with 6, and more than 24Gi with 8."
  }

  validation {
    condition = try(alltrue([for mebibytes in [tonumber(regex("^[0-9]+", var.memory)) * (endswith(var.memory, "Gi") ? 1024 : 1)] :
      (tonumber(var.cpu) < 4 || mebibytes >= 2048) &&
      (tonumber(var.cpu) < 6 || mebibytes >= 4096)
    ]), true)
    error_message = "memory: too little for so many processors. Cloud Run wants at least 2Gi with 4 cpu, and 4Gi with 6 or 8."
  }
}

variable "concurrency" {
  description = "Requests that one instance answers at once."
  type        = number
  default     = 16

  validation {
    condition     = var.concurrency >= 1 && var.concurrency <= 1000 && floor(var.concurrency) == var.concurrency
    error_message = "concurrency: expected a whole number from 1 to 1000, because Cloud Run has no others."
  }

  validation {
    condition     = var.concurrency == 1 || try(tonumber(var.cpu) >= 1, true)
    error_message = "concurrency: above 1 it needs cpu = 1 or more, because Cloud Run gives a fraction of a processor to one request at a time."
  }
}

variable "min_instances" {
  description = "Instances that are kept while nobody asks; 0 costs nothing."
  type        = number
  default     = 0

  validation {
    condition     = var.min_instances >= 0 && floor(var.min_instances) == var.min_instances
    error_message = "min_instances: expected a whole number of at least 0."
  }
}

variable "max_instances" {
  description = "Most instances, which bounds what a flood of requests can cost."
  type        = number
  default     = 10

  validation {
    condition     = var.max_instances >= 1 && var.max_instances <= 1000 && floor(var.max_instances) == var.max_instances && var.max_instances >= var.min_instances
    error_message = "max_instances: expected a whole number from 1 to 1000, and no fewer than min_instances."
  }
}

variable "timeout_seconds" {
  description = "Longest that the platform waits for an answer; the function gives up a little earlier, and says so."
  type        = number
  default     = 60

  validation {
    condition     = var.timeout_seconds >= 2 && var.timeout_seconds <= 3600 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "timeout_seconds: expected a whole number from 2 to 3600, because an HTTP function ends after an hour at most."
  }
}

variable "ingress" {
  description = "Where requests may come from."
  type        = string
  default     = "ALLOW_ALL"

  validation {
    condition     = contains(["ALLOW_ALL", "ALLOW_INTERNAL_ONLY", "ALLOW_INTERNAL_AND_GCLB"], var.ingress)
    error_message = "ingress: expected ALLOW_ALL (whoever may invoke it), ALLOW_INTERNAL_ONLY (from the project's networks) or ALLOW_INTERNAL_AND_GCLB (those and the load balancer)."
  }
}

variable "invokers" {
  description = "Who may call the function: IAM members by a name of your choice."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for member in values(var.invokers) : !contains(["allUsers", "allAuthenticatedUsers"], member)])
    error_message = "invokers: expected no allUsers and no allAuthenticatedUsers (which is everybody with a Google account); say public = true if everybody may call it."
  }

  validation {
    condition     = alltrue([for member in values(var.invokers) : can(regex("^((user|group|serviceAccount):[^\\s:@]+@[^\\s:@]+|serviceAccount:\\S+\\.svc\\.id\\.goog\\[\\S+\\]|domain:[^\\s:@/]+|principal(Set)?://\\S+|allUsers|allAuthenticatedUsers)$", member))])
    error_message = "invokers: expected IAM members such as user:me@example.com, group:team@example.com, serviceAccount:NAME@PROJECT.iam.gserviceaccount.com, domain:example.com, principal://… or principalSet://…, because Google refuses others only when they are applied."
  }

  validation {
    condition     = alltrue([for name in keys(var.invokers) : can(regex("^[A-Za-z0-9][A-Za-z0-9._@-]*$", name))])
    error_message = "invokers: expected names of letters, digits, dots, dashes, underscores and @, because they are part of what Terraform calls each right."
  }
}

variable "public" {
  description = "Whether everybody may call the function without a token."
  type        = bool
  default     = false
}

variable "env" {
  description = "Further settings of the function, such as { LOG_LEVEL = \"DEBUG\" }; they win over those that this module sets."
  type        = map(string)
  default     = {}
}

variable "secrets" {
  description = "Variables whose values are in Secret Manager. A version that is a number is read at deployment and never changes; \"latest\" is read at each start of an instance."
  type = map(object({
    secret     = string
    version    = optional(string, "latest")
    project_id = optional(string)
  }))
  default = {}

  validation {
    condition     = length(setintersection(keys(var.secrets), keys(var.env))) == 0
    error_message = "secrets: expected no variable that is in env, too, because one of the two would have no effect."
  }
}

variable "secret_volumes" {
  description = "Folders with one file from Secret Manager each, by path: { \"/secrets/tls\" = { secret = \"tls\", file = \"key.pem\" } }. \"latest\" is read anew whenever the file is."
  type = map(object({
    secret     = string
    version    = optional(string, "latest")
    file       = optional(string)
    project_id = optional(string)
  }))
  default = {}

  validation {
    condition = alltrue([
      for path in keys(var.secret_volumes) :
      can(regex("^(/[A-Za-z0-9._-]+)+$", path)) && !can(regex("^/(dev|proc|sys|app|workspace|tmp)(/|$)", path))
    ])
    error_message = "secret_volumes: expected absolute paths such as /secrets/tls, and none in /dev, /proc, /sys, /app, /workspace or /tmp, because a volume hides what is there."
  }
}

variable "vpc" {
  description = "The network that the function sends through: a network or subnetwork (direct egress), or a connector. egress is PRIVATE_RANGES_ONLY or ALL_TRAFFIC."
  type = object({
    network    = optional(string)
    subnetwork = optional(string)
    tags       = optional(list(string))
    connector  = optional(string)
    egress     = optional(string, "PRIVATE_RANGES_ONLY")
  })
  default = null

  validation {
    condition     = var.vpc == null ? true : (var.vpc.network != null || var.vpc.subnetwork != null) != (var.vpc.connector != null)
    error_message = "vpc: expected either a network or subnetwork, or a connector."
  }

  validation {
    condition     = var.vpc == null ? true : contains(["PRIVATE_RANGES_ONLY", "ALL_TRAFFIC"], var.vpc.egress)
    error_message = "vpc: expected egress PRIVATE_RANGES_ONLY or ALL_TRAFFIC."
  }
}

variable "service_account_id" {
  description = "Id of the account that the function runs as; by default made of its name."
  type        = string
  default     = null

  validation {
    condition     = var.service_account_id == null ? true : can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.service_account_id))
    error_message = "service_account_id: expected 6 to 30 lower-case letters, digits or dashes, because IAM allows no others."
  }
}

variable "build_service_account" {
  description = "Account that builds the image, as { id = \"projects/P/serviceAccounts/E\" }, if several functions share one; null makes one with its three roles."
  type        = object({ id = string })
  default     = null

  validation {
    condition     = var.build_service_account == null ? true : can(regex("^projects/[^/]+/serviceAccounts/[^/]+$", var.build_service_account.id))
    error_message = "build_service_account: expected the id projects/P/serviceAccounts/E, and not the email alone."
  }
}

variable "build_worker_pool" {
  description = "Private pool of Cloud Build that builds the image, as projects/P/locations/L/workerPools/W, for perimeters of VPC Service Controls and builds in a network of your own; null for Google's."
  type        = string
  default     = null

  validation {
    condition     = var.build_worker_pool == null ? true : can(regex("^projects/[^/]+/locations/[^/]+/workerPools/[^/]+$", var.build_worker_pool))
    error_message = "build_worker_pool: expected projects/P/locations/L/workerPools/W, because a pool's name alone does not say where it is."
  }
}

variable "docker_repository" {
  description = "Artifact Registry repository for the image, as projects/P/locations/L/repositories/R; null for the one that Cloud Functions makes."
  type        = string
  default     = null
}

variable "kms_key_name" {
  description = "Key that the function's source and image are encrypted with; null for Google's own. It needs docker_repository with the same key."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_name == null || var.docker_repository != null
    error_message = "kms_key_name: needs docker_repository, because the image of an encrypted function must be in a repository with the same key."
  }
}

variable "binary_authorization_policy" {
  description = "Policy that the image must keep; null for none."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether a plan is refused that would delete the function or make it elsewhere. `terraform state rm` of terraform_data.protected in this module takes it away, and nothing else does."
  type        = bool
  default     = true
  nullable    = false
}

variable "labels" {
  description = "Labels of the function."
  type        = map(string)
  default     = {}
}

variable "release" {
  description = "What the bundle was made from, for labels and `GET /`: the Git commit, and the sha256 of the bundle. null for neither."
  type        = object({ commit = string, digest = string })
  default     = null
}
