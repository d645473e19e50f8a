variable "project_id" {
  description = "Project that the service runs in."
  type        = string
}

variable "region" {
  description = "Region that the service runs in; that of its models, or each cold start reads across the world."
  type        = string
}

variable "name" {
  description = "Name of the service."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,47}[a-z0-9])?$", var.name))
    error_message = "name: expected 1 to 49 lower-case letters, digits or dashes, beginning with a letter and not ending with a dash, because Cloud Run allows no others."
  }
}

variable "bundle" {
  description = "The zip that `make bundle` writes, to build the image from: its path, or gs://bucket/object#generation of one in a bucket, which the build's account may read; null with image."
  type        = string
  default     = null

  validation {
    condition     = (var.bundle == null) != (var.image == null)
    error_message = "bundle: expected either a bundle, which is built, or an image, which is not."
  }

  validation {
    condition     = var.bundle == null ? true : startswith(var.bundle, "gs://") || fileexists(var.bundle)
    error_message = "bundle: expected the path of a zip, and there is none: run `make bundle`, and give what it prints."
  }

  validation {
    condition     = !startswith(coalesce(var.bundle, "-"), "gs://") || can(regex("^gs://[^/]+/.+#[0-9]+$", var.bundle))
    error_message = "bundle: expected gs://bucket/object#generation, as `gcloud storage ls --all-versions` prints it, because without its generation nobody could tell that the object is another."
  }
}

variable "rebuild" {
  description = "Any text: with another one than before, the same zip is built again, as after a build that failed for reasons outside of it."
  type        = string
  default     = null
}

variable "image" {
  description = "Image that runs in place of one that is built, by digest: LOCATION-docker.pkg.dev/PROJECT/REPOSITORY/NAME@sha256:…. container/Dockerfile makes one."
  type        = string
  default     = null

  validation {
    condition     = var.image == null ? true : can(regex("^[a-z0-9.-]+(:[0-9]+)?/.+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image: expected HOST/PATH@sha256:DIGEST, because a tag can be moved, and Terraform would not see that another image runs."
  }
}

variable "source_bucket" {
  description = "Name of the bucket that gets the zip; null with image."
  type        = string
  default     = null

  validation {
    condition     = var.image != null || var.source_bucket != null
    error_message = "source_bucket: expected a bucket beside bundle, because Cloud Build reads the zip from one."
  }
}

variable "model_registry" {
  description = "Where models come from, such as gs://bucket or gs://bucket/prefix; null if the bundle or the image carries them."
  type        = string
  default     = null

  validation {
    condition     = var.model_registry == null ? true : can(regex("^(gs|file)://.+$", var.model_registry))
    error_message = "model_registry: expected gs://bucket[/prefix] or file:///folder; leave it out if the bundle carries its models."
  }
}

variable "mount_registry" {
  description = "Whether the registry's bucket is mounted, read-only, in place of being downloaded from: the service then needs neither Google's storage API nor memory for a copy, and reads each file over the network as it loads it."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.mount_registry || can(regex("^gs://[^/]+", var.model_registry))
    error_message = "mount_registry: expected model_registry = gs://bucket[/prefix], because only a bucket can be mounted."
  }
}

variable "model_bucket" {
  description = "Bucket of the registry, which the service gets the right to read; null if it has none, or has the right already."
  type        = string
  default     = null
}

variable "models" {
  description = "What is served: name, name@alias or name@version; the first is the default. Empty for what the bundle or the image carries."
  type        = list(string)
  default     = []

  validation {
    condition     = (length(var.models) > 0 || var.model_registry == null) && length(distinct(var.models)) == length(var.models)
    error_message = "models: expected at least one of the registry, each once, because a service without any cannot answer."
  }

  validation {
    condition     = alltrue([for model in var.models : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}(@[A-Za-z0-9][A-Za-z0-9._-]{0,62})?$", model))])
    error_message = "models: expected name, name@alias or name@version each, each name of 1 to 63 letters, digits, dots, underscores and dashes, as in the registry."
  }
}

variable "runtime" {
  description = "Python of an image that is built."
  type        = string
  default     = "python312"

  validation {
    condition     = contains(["python311", "python312", "python313"], var.runtime)
    error_message = "runtime: expected python311, python312 or python313, because the bundle's requirements are locked for these."
  }
}

variable "base_image" {
  description = "Image that the bundle is built on; null for Google's newest of the runtime, in the service's region."
  type        = string
  default     = null
}

variable "runtime_updates" {
  description = "When security patches of the runtime come into an image that is built: automatic (Google puts a new base under it, without a build) or on_deploy (with the next build)."
  type        = string
  default     = "on_deploy"
  nullable    = false

  validation {
    condition     = contains(["automatic", "on_deploy"], var.runtime_updates)
    error_message = "runtime_updates: expected automatic or on_deploy, because Cloud Run has no others."
  }

  validation {
    condition     = var.runtime_updates == "on_deploy" || var.image == null
    error_message = "runtime_updates: expected on_deploy with image, because Cloud Run can only put another base under what it built."
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
    condition     = contains(["1", "2", "4", "6", "8"], var.cpu)
    error_message = "cpu: expected 1, 2, 4, 6 or 8, because Cloud Run has no others, and fractions in its first generation alone."
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
      mebibytes >= 512 && mebibytes <= 32768
    ]), true)
    error_message = "memory: expected 512Mi to 32Gi, because Cloud Run's second generation starts no smaller instance."
  }

  validation {
    condition = try(alltrue([for mebibytes in [tonumber(regex("^[0-9]+", var.memory)) * (endswith(var.memory, "Gi") ? 1024 : 1)] :
      (mebibytes <= 4096 || tonumber(var.cpu) >= 2) &&
      (mebibytes <= 8192 || tonumber(var.cpu) >= 4) &&
      (mebibytes <= 16384 || tonumber(var.cpu) >= 6) &&
      (mebibytes <= 24576 || tonumber(var.cpu) >= 8)
    ]), true)
    error_message = "memory: too much for so few processors. Cloud Run gives more than 4Gi with at least 2 cpu, more than 8Gi with 4, more than 16Gi with 6, and more than 24Gi with 8."
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
  description = "Longest that the platform waits for an answer; the service gives up a little earlier, and says so."
  type        = number
  default     = 60

  validation {
    condition     = var.timeout_seconds >= 2 && var.timeout_seconds <= 3600 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "timeout_seconds: expected a whole number from 2 to 3600, because Cloud Run ends a request after an hour at most."
  }
}

variable "startup_cpu_boost" {
  description = "Whether an instance gets more processors while it starts, and ten seconds longer; they are billed like the others."
  type        = bool
  default     = true
  nullable    = false
}

variable "startup_probe" {
  description = "What makes an instance a started one: live (the process answers; the first request waits for the models) or ready (every model is loaded and reproduces its golden examples: what cannot answer gets no requests, and a revision of such is not rolled out; it needs published models)."
  type        = string
  default     = "live"
  nullable    = false

  validation {
    condition     = contains(["live", "ready"], var.startup_probe)
    error_message = "startup_probe: expected live or ready, because the service has these two health routes."
  }
}

variable "startup_seconds" {
  description = "How long an instance may take to start before it is given up."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.startup_seconds >= 1 && var.startup_seconds <= 240 && floor(var.startup_seconds) == var.startup_seconds
    error_message = "startup_seconds: expected a whole number from 1 to 240, because Cloud Run waits no longer."
  }
}

variable "liveness" {
  description = "How often an instance is asked whether it is alive, and after how many failures it is restarted; enabled = false for never. Each probe is billed as the tenth of a second that it takes an instance's processors."
  type = object({
    enabled           = optional(bool, true)
    period_seconds    = optional(number, 30)
    timeout_seconds   = optional(number, 5)
    failure_threshold = optional(number, 3)
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      var.liveness.period_seconds >= 1, var.liveness.period_seconds <= 3600,
      var.liveness.timeout_seconds >= 1, var.liveness.timeout_seconds <= var.liveness.period_seconds,
      var.liveness.failure_threshold >= 1,
    ])
    error_message = "liveness: expected period_seconds from 1 to 3600, timeout_seconds from 1 to period_seconds, and a failure_threshold of at least 1, because Cloud Run takes no others."
  }

  validation {
    condition     = !var.liveness.enabled || var.entry_point == "predict"
    error_message = "liveness: expected enabled = false with predict_wsgi, because its four threads for each processor may all be waiting for slow clients, and a busy instance would be taken for a dead one."
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
  description = "Who may call the service: IAM members by a name of your choice."
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
  description = "Whether everybody may call the service without a token."
  type        = bool
  default     = false
}

variable "invoker_iam_disabled" {
  description = "Whether Cloud Run asks nobody for a token: public, where an organisation's policy refuses allUsers."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !(var.invoker_iam_disabled && (var.public || length(var.invokers) > 0))
    error_message = "invoker_iam_disabled: expected neither public nor invokers beside it, because nobody's right is looked at."
  }
}

variable "custom_audiences" {
  description = "What identity tokens may be made out to beside the service's own URL, such as https://api.example.com."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for audience in var.custom_audiences : can(regex("^https://[^?#]+$", audience))]) && length(distinct(var.custom_audiences)) == length(var.custom_audiences)
    error_message = "custom_audiences: expected URLs such as https://api.example.com, each once, because a token's audience is compared as it is."
  }
}

variable "session_affinity" {
  description = "Whether requests of one client go to the same instance while there is one (a cookie). Predictions need none."
  type        = bool
  default     = false
  nullable    = false
}

variable "traffic" {
  description = <<-EOT
    Which revisions answer: percent by revision's name, or by "latest"; none for all to the latest.
    A tag is an address of its own (https://TAG---…), which answers without a share of the traffic, too.
    A new version of a model needs none of this: it is released by its alias.
  EOT
  type = map(object({
    percent = optional(number, 0)
    tag     = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = length(var.traffic) == 0 || sum(concat([0], [for target in values(var.traffic) : target.percent])) == 100
    error_message = "traffic: expected percents that come to 100, because Cloud Run answers each request once."
  }

  validation {
    condition     = alltrue([for target in values(var.traffic) : target.percent >= 0 && floor(target.percent) == target.percent])
    error_message = "traffic: expected whole percents of at least 0."
  }

  validation {
    condition     = alltrue([for revision in keys(var.traffic) : revision == "latest" || startswith(revision, "${var.name}-")])
    error_message = "traffic: expected \"latest\" or names of the service's own revisions, which begin with its name: `gcloud run revisions list` has them."
  }

  validation {
    condition     = alltrue([for target in values(var.traffic) : target.tag == null ? true : can(regex("^[a-z]([a-z0-9-]{0,44}[a-z0-9])?$", target.tag))])
    error_message = "traffic: expected tags of 1 to 46 lower-case letters, digits or dashes, beginning with a letter, because they are part of a host's name."
  }
}

variable "env" {
  description = "Further settings of the service, such as { LOG_LEVEL = \"DEBUG\" }; they win over those that this module sets."
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
      can(regex("^(/[A-Za-z0-9._-]+)+$", path)) && !can(regex("^/(dev|proc|sys|app|workspace|tmp|mnt/registry)(/|$)", path))
    ])
    error_message = "secret_volumes: expected absolute paths such as /secrets/tls, and none in /dev, /proc, /sys, /app, /workspace, /tmp or /mnt/registry, because a volume hides what is there."
  }
}

variable "vpc" {
  description = "The network that the service sends through: a network or subnetwork (direct egress), or a connector. egress is PRIVATE_RANGES_ONLY or ALL_TRAFFIC."
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
  description = "Id of the account that the service runs as; by default made of its name."
  type        = string
  default     = null

  validation {
    condition     = var.service_account_id == null ? true : can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.service_account_id))
    error_message = "service_account_id: expected 6 to 30 lower-case letters, digits or dashes, because IAM allows no others."
  }
}

variable "build_service_account" {
  description = "Account that builds the image, as { id = \"projects/P/serviceAccounts/E\" }, if several services share one; null makes one with its three roles."
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
  description = "Artifact Registry repository that gets the image that is built, as projects/P/locations/L/repositories/R; null with image."
  type        = string
  default     = null

  validation {
    condition     = var.docker_repository == null ? var.image != null : can(regex("^projects/[^/]+/locations/[^/]+/repositories/[^/]+$", var.docker_repository))
    error_message = "docker_repository: expected projects/P/locations/L/repositories/R beside bundle, because Cloud Run makes no repository by itself."
  }
}

variable "kms_key_name" {
  description = "Key that Cloud Run encrypts its copy of the image with; null for Google's own. The bucket and the repository have keys of their own."
  type        = string
  default     = null
}

variable "binary_authorization_policy" {
  description = "Policy that the image must keep, as projects/P/platforms/cloudRun/POLICY, or default for the project's; null for none."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether a plan is refused that would delete the service or make it elsewhere. `terraform state rm` of terraform_data.protected in this module takes it away, and nothing else does."
  type        = bool
  default     = true
  nullable    = false
}

variable "labels" {
  description = "Labels of the service."
  type        = map(string)
  default     = {}
}

variable "release" {
  description = "What the bundle was made from, for labels and `GET /`: the Git commit, and the sha256 of the bundle. null for neither, as for an image of one's own."
  type        = object({ commit = string, digest = string })
  default     = null
}
