variable "project_id" {
  description = "Project that the functions run in."
  type        = string
}

variable "region" {
  description = "Region that the functions run in."
  type        = string
}

variable "more_regions" {
  description = "Regions that some of the functions are in as well; what they do there is counted with the rest."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "environment" {
  description = "What tells these metrics and alerts from those of another environment in the same project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.environment))
    error_message = "environment: expected 1 to 20 lower-case letters, digits or dashes, because it is part of names and labels."
  }
}

variable "functions" {
  description = "The functions by name. `models` are as in MODELS and `registry` as in MODEL_REGISTRY, both left out for models that the bundle carries; `alerts = false` leaves a function with its row of the dashboard and its objectives; `expects` asks for an alert when fewer requests come, which is no fault by itself; `uptime` asks for a check from outside, which wakes an instance each period from each of six regions: a function that scales to zero then seldom does, and checks count as traffic."
  type = map(object({
    url           = string
    models        = optional(list(string), [])
    registry      = optional(string)
    max_instances = number
    ingress       = optional(string, "ALLOW_ALL")
    alerts        = optional(bool, true)
    thresholds    = optional(map(number), {})
    slo           = optional(map(number), {})
    expects = optional(object({
      requests = optional(number, 1)
      minutes  = optional(number, 60)
    }))
    uptime = optional(object({
      period_seconds  = optional(number, 900)
      timeout_seconds = optional(number, 10)
    }))
  }))

  validation {
    condition     = length(var.functions) > 0
    error_message = "functions: expected at least one, because there is nothing to watch without."
  }

  validation {
    condition     = alltrue([for function in values(var.functions) : function.max_instances >= 1])
    error_message = "functions: expected max_instances of at least 1, because a function near its maximum is told by it."
  }

  validation {
    condition = alltrue(flatten([
      for function in values(var.functions) : [
        for key, value in function.thresholds :
        try(value > local.threshold_limits[key][0] && value <= local.threshold_limits[key][1], false) && (key != "window_minutes" || floor(value) == value)
      ]
    ]))
    error_message = "functions: expected thresholds to be as the variable thresholds has them."
  }

  validation {
    condition = alltrue(flatten([
      for function in values(var.functions) : [
        for key, value in function.slo :
        try(value > local.slo_limits[key][0] && value <= local.slo_limits[key][1], false) && (key != "days" || floor(value) == value)
      ]
    ]))
    error_message = "functions: expected slo to be as the variable slo has it."
  }

  validation {
    condition = alltrue([
      for function in values(var.functions) :
      function.expects == null ? true : function.expects.requests >= 1 && function.expects.minutes >= 5 && function.expects.minutes <= 1410 && floor(function.expects.minutes) == function.expects.minutes
    ])
    error_message = "functions: expected expects of at least one request in 5 to 1410 whole minutes, because Cloud Monitoring looks back for no more than a day."
  }

  validation {
    condition = alltrue([
      for function in values(var.functions) :
      function.uptime == null ? true : contains([60, 300, 600, 900], function.uptime.period_seconds) && function.uptime.timeout_seconds >= 1 && function.uptime.timeout_seconds <= 60
    ])
    error_message = "functions: expected uptime with a period_seconds of 60, 300, 600 or 900 and a timeout_seconds of 1 to 60, because Cloud Monitoring knows no others."
  }

  validation {
    condition     = alltrue([for function in values(var.functions) : function.uptime == null || function.ingress == "ALLOW_ALL"])
    error_message = "functions: expected uptime only with ingress = ALLOW_ALL, because checks come from the internet and a function that takes requests from inside alone answers them 404."
  }
}

variable "notification_emails" {
  description = "Who is told: addresses by a name of your choice. Without any, and without notification_channels, incidents are seen in the console alone."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for address in values(var.notification_emails) : can(regex("^[^@[:space:]]+@[^@[:space:]]+\\.[^@[:space:]]+$", address))])
    error_message = "notification_emails: expected addresses such as team@example.com, by name."
  }
}

variable "notification_channels" {
  description = "Channels that are there already, such as one for Slack or PagerDuty, whose secrets stay out of this state."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for channel in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", channel))])
    error_message = "notification_channels: expected projects/P/notificationChannels/N, as `gcloud beta monitoring channels list` has them."
  }
}

variable "alerts" {
  description = "Which alerts there are: `essential` has those that say that a function does not answer (refused artifacts, load failures, availability that burns fast, and uptime and no traffic where asked for), `all` also those about latency, cold starts, instances and slow burns. Google bills for alerts by the metrics that they refer to (docs/7-deploy.md)."
  type        = string
  default     = "all"
  nullable    = false

  validation {
    condition     = contains(["essential", "all"], var.alerts)
    error_message = "alerts: expected essential or all, because there are no other sets (monitoring.functions.NAME.alerts = false turns off those of one function)."
  }
}

variable "thresholds" {
  description = "When alerts fire, for functions that say nothing else: error_ratio (0.05), latency_p95_ms (500), latency_p99_ms (2000), cold_start_ratio of loads to requests (0.2), instance_ratio of the maximum (0.8); over window_minutes (5), and the first four only if more than min_requests (20) came in them: of one request, one error is all."
  type        = map(number)
  default     = {}

  validation {
    condition = alltrue([
      for key, value in var.thresholds :
      try(value > local.threshold_limits[key][0] && value <= local.threshold_limits[key][1], false) && (key != "window_minutes" || floor(value) == value)
    ])
    error_message = "thresholds: expected only error_ratio, cold_start_ratio and instance_ratio (above 0, at most 1), latency_p95_ms, latency_p99_ms, min_requests (above 0) and window_minutes (whole, at most 1410)."
  }
}

variable "slo" {
  description = "The objectives, for functions that say nothing else: availability (0.995 of the requests are not answered 5xx), latency (0.95 of them within latency_ms, 500), over a rolling period of days (28)."
  type        = map(number)
  default     = {}

  validation {
    condition = alltrue([
      for key, value in var.slo :
      try(value > local.slo_limits[key][0] && value <= local.slo_limits[key][1], false) && (key != "days" || floor(value) == value)
    ])
    error_message = "slo: expected only availability and latency (above 0 and at most 0.9999, because Cloud Monitoring takes no higher goal), latency_ms (above 0) and days (whole, 1 to 30)."
  }
}

variable "auto_close_minutes" {
  description = "How long an incident stays open that gets no more data; a function that scales to zero gives none."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.auto_close_minutes >= 30 && var.auto_close_minutes <= 7 * 24 * 60
    error_message = "auto_close_minutes: expected 30 to 10080 (a week), because Cloud Monitoring allows no others."
  }
}

variable "runbook" {
  description = "Where people read docs/8-runbook.md, such as https://example.com/docs/8-runbook.md; alerts link to it."
  type        = string
  default     = "docs/8-runbook.md"
  nullable    = false

  validation {
    condition     = can(regex("^(https://\\S+|docs/8-runbook\\.md)$", var.runbook))
    error_message = "runbook: expected https://…, because people open it from a mail (without one, its path in the repository is named)."
  }
}

variable "budget" {
  description = "What the project may cost a month, in whole units of the billing account's currency; null for no budget. It tells, and stops nothing. Whoever applies needs roles/billing.costsManager on the billing account."
  type = object({
    billing_account = string
    amount          = number
    currency        = optional(string)
  })
  default = null

  validation {
    condition     = var.budget == null ? true : can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account))
    error_message = "budget: expected a billing_account such as 012345-6789AB-CDEF01, as `gcloud billing accounts list` has it."
  }

  validation {
    condition     = var.budget == null ? true : var.budget.amount >= 1 && floor(var.budget.amount) == var.budget.amount
    error_message = "budget: expected an amount of at least 1 in whole units, because budgets are given in them."
  }

  validation {
    condition     = try(var.budget.currency, null) == null ? true : can(regex("^[A-Z]{3}$", var.budget.currency))
    error_message = "budget: expected a currency of three letters such as EUR, and the billing account's own: no other is taken."
  }

  validation {
    condition     = var.budget == null ? true : length(var.notification_emails) <= 5
    error_message = "budget: expected at most five notification_emails with it, because a budget tells no more channels."
  }
}
