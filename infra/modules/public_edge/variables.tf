variable "project_id" {
  description = "Project that everything is in."
  type        = string
}

variable "region" {
  description = "Region of the functions; the load balancer itself is global."
  type        = string
}

variable "name" {
  description = "Beginning of all names in here. Another name is another load balancer, with another address."
  type        = string
  default     = "predictions"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$", var.name))
    error_message = "name: expected 1 to 30 lower-case letters, digits or dashes, beginning with a letter and not ending with a dash, because names made of it have at most 63."
  }
}

variable "functions" {
  description = "The functions that hosts may name: the name of the Cloud Run service of each, which is the function's own."
  type        = map(string)
}

variable "regions" {
  description = "Regions of the services that are in several, by the same names as functions; what is not in here is in region. The nearest answers; one that fails five requests in a row gets none for three minutes, and the next nearest answers."
  type        = map(list(string))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name, regions in var.regions : contains(keys(var.functions), name) && contains(regions, var.region) && length(distinct(regions)) == length(regions)])
    error_message = "regions: expected some of functions, each with region among its regions, and each region once."
  }
}

variable "hosts" {
  description = <<-EOT
    Which function answers where, by public name: { "api.example.com" = { function = "digits", paths = { "/flowers" = "flowers" } } }.
    `function` gets what no path of the host claims; without one that is answered 404, as is every name that is not in here.
    A path is taken off before the function sees the request: /flowers/predict arrives as /predict.
  EOT
  type = map(object({
    function = optional(string)
    paths    = optional(map(string), {})
  }))

  validation {
    condition     = length(var.hosts) >= 1 && (length(var.hosts) <= 15 || var.certificate_map != null)
    error_message = "hosts: expected 1 to 15, because each gets a certificate and a proxy holds 15; more need certificate_map."
  }

  validation {
    condition     = alltrue([for host in keys(var.hosts) : length(host) <= 253 && can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$", host))])
    error_message = "hosts: expected full names in lower case such as api.example.com, without scheme, port or wildcard, because a managed certificate is for one name."
  }

  validation {
    condition = alltrue(flatten([
      for host in values(var.hosts) : [for function in concat(values(host.paths), compact([host.function])) : contains(keys(var.functions), function)]
    ]))
    error_message = "hosts: expected each function to be one of functions, because nothing else can answer."
  }

  validation {
    condition     = alltrue([for host in values(var.hosts) : host.function != null || length(host.paths) > 0])
    error_message = "hosts: expected a function or paths for each, because a host without any only answers 404."
  }

  validation {
    condition = alltrue(flatten([
      for host in values(var.hosts) : [for path in keys(host.paths) : can(regex("^(/[a-z0-9][a-z0-9_-]*)+$", path))]
    ]))
    error_message = "hosts: expected paths such as /flowers, of lower-case letters, digits, dashes and underscores, without a slash or * at the end: what is below a path belongs to it."
  }

  validation {
    condition = alltrue(flatten([
      for host in values(var.hosts) : [for path in keys(host.paths) : !contains(["predict", "models", "v1", "v2", "openapi"], split("/", path)[1])]
    ]))
    error_message = "hosts: expected no path that begins with /predict, /models, /v1, /v2 or /openapi, because it would hide the routes of the host's own function."
  }
}

variable "certificate_map" {
  description = "A map of Certificate Manager to use in place of one managed certificate for each host, as projects/P/locations/global/certificateMaps/M: for wildcards, for more than 15 hosts, or to move a name that is in use without an interruption."
  type        = string
  default     = null

  validation {
    condition     = var.certificate_map == null ? true : can(regex("^projects/[^/]+/locations/global/certificateMaps/[^/]+$", var.certificate_map))
    error_message = "certificate_map: expected projects/P/locations/global/certificateMaps/M, because a global load balancer takes only global ones."
  }
}

variable "min_tls_version" {
  description = "Oldest TLS that is spoken: TLS_1_2 or TLS_1_3."
  type        = string
  default     = "TLS_1_2"
  nullable    = false

  validation {
    condition     = contains(["TLS_1_2", "TLS_1_3"], var.min_tls_version)
    error_message = "min_tls_version: expected TLS_1_2 or TLS_1_3, because what is older is broken."
  }
}

variable "rate_limit" {
  description = <<-EOT
    Requests that one address may send to one function within so many seconds; those beyond are answered 429.
    With ban_seconds, an address that goes beyond is shut out that long.
    Clients behind one proxy or NAT share an address. Google counts by region and roughly, so this bounds floods and is no quota.
  EOT
  type = object({
    requests    = optional(number, 600)
    seconds     = optional(number, 60)
    ban_seconds = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.rate_limit.requests >= 1 && var.rate_limit.requests <= (var.rate_limit.ban_seconds == null ? 1000000 : 10000) && floor(var.rate_limit.requests) == var.rate_limit.requests
    error_message = "rate_limit: expected whole requests from 1 to 1000000, or to 10000 with ban_seconds, because Cloud Armor counts no further."
  }

  validation {
    condition     = contains([10, 30, 60, 120, 180, 240, 300, 600, 900, 1200, 1800, 2700, 3600], var.rate_limit.seconds)
    error_message = "rate_limit: expected seconds to be 10, 30, 60, 120, 180, 240, 300, 600, 900, 1200, 1800, 2700 or 3600, because Cloud Armor counts over no others."
  }

  validation {
    condition     = var.rate_limit.ban_seconds == null ? true : contains([60, 120, 180, 240, 300, 600, 900, 1200, 1800, 2700, 3600], var.rate_limit.ban_seconds)
    error_message = "rate_limit: expected ban_seconds to be 60, 120, 180, 240, 300, 600, 900, 1200, 1800, 2700 or 3600, because Cloud Armor bans for no others."
  }
}

variable "max_request_bytes" {
  description = "Largest Content-Length that is let in; beyond it the answer is 403, as Cloud Armor has no 413. Bodies that announce no length pass: the function's own MAX_REQUEST_BYTES is the limit that always holds."
  type        = number
  default     = 33554432
  nullable    = false

  validation {
    condition     = var.max_request_bytes >= 1 && var.max_request_bytes <= 33554432 && floor(var.max_request_bytes) == var.max_request_bytes
    error_message = "max_request_bytes: expected a whole number from 1 to 33554432 (32 MiB), because a function takes no more."
  }
}

variable "require_content_length" {
  description = "Whether POST without a Content-Length is refused (403), so that nobody gets round max_request_bytes. Clients that stream their bodies then cannot call."
  type        = bool
  default     = false
  nullable    = false
}

variable "allowed_regions" {
  description = "Countries that requests may come from, by ISO 3166-1 code such as CH; none for all. Addresses that Google cannot place are then refused, too."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for code in var.allowed_regions : can(regex("^[A-Z]{2}$", code))])
    error_message = "allowed_regions: expected two capital letters each, such as CH, because a code that never matches would shut everybody out."
  }
}

variable "denied_regions" {
  description = "Countries that requests may not come from, by ISO 3166-1 code."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for code in var.denied_regions : can(regex("^[A-Z]{2}$", code))])
    error_message = "denied_regions: expected two capital letters each, such as CH, because a code that never matches would keep nobody out."
  }

  validation {
    condition     = length(var.denied_regions) == 0 || length(var.allowed_regions) == 0
    error_message = "denied_regions: expected none beside allowed_regions, because what is not allowed is refused anyway."
  }
}

variable "allowed_ip_ranges" {
  description = "Addresses that requests may come from, such as 203.0.113.0/24; none for all."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for range in var.allowed_ip_ranges : can(cidrhost(range, 0))])
    error_message = "allowed_ip_ranges: expected CIDR ranges such as 203.0.113.0/24 (of one address: 203.0.113.7/32), because Cloud Armor takes nothing else."
  }

  validation {
    condition     = length(distinct(var.allowed_ip_ranges)) == length(var.allowed_ip_ranges) && length(var.allowed_ip_ranges) <= 100
    error_message = "allowed_ip_ranges: expected at most 100, each once, because a rule takes ten and every rule costs."
  }
}

variable "adaptive_protection" {
  description = "Whether Cloud Armor learns what is usual and tells of floods that are not. What it proposes in full needs Cloud Armor Enterprise."
  type        = bool
  default     = false
  nullable    = false
}

variable "waf" {
  description = <<-EOT
    Google's preconfigured rule sets to refuse by, with their sensitivity, such as { "sqli-v33-stable" = 1 }; none by default.
    They read the first 8 kB of a body as text, look for attacks on databases and shells that a function does not have,
    and take arrays of numbers, images and base64 for such: look at the log before and after turning one on.
  EOT
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for set in keys(var.waf) : can(regex("^[a-z]+(-[a-z0-9]+)*-(stable|canary)$", set))])
    error_message = "waf: expected names of preconfigured rule sets such as sqli-v33-stable or cve-canary, because Cloud Armor knows no others."
  }

  validation {
    condition     = alltrue([for sensitivity in values(var.waf) : contains([1, 2, 3, 4], sensitivity)])
    error_message = "waf: expected a sensitivity from 1 (fewest false alarms) to 4, because the rule sets have four."
  }
}

variable "log_sample_rate" {
  description = "Share of the requests that the load balancer logs, from 0 to 1. What Cloud Armor refused is only in this log."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.log_sample_rate > 0 && var.log_sample_rate <= 1
    error_message = "log_sample_rate: expected more than 0 and at most 1, because without a log nobody can tell who was refused, and why."
  }
}

variable "deletion_protection" {
  description = "Whether a plan is refused that would give up the address, which DNS points to. `terraform state rm` of terraform_data.protected in this module takes it away, and nothing else does."
  type        = bool
  default     = true
  nullable    = false
}
