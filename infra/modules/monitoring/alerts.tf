# When people are woken. Each alert is one policy over all functions, because Cloud Monitoring is paid
# by the metrics that policies refer to, however many functions these cover; an incident is of one
# function. What an alert tells is in guides.tf, and more in docs/8-runbook.md.

locals {
  watched = { for name, function in var.functions : name => function if function.alerts }

  windows = { for name, limits in local.thresholds : name => "${limits.window_minutes * 60}s" }

  # What each alert compares with, for each function that has it.
  limits = {
    error_ratio = {
      for name in keys(local.watched) : name => {
        ratio  = local.thresholds[name].error_ratio
        least  = local.thresholds[name].min_requests
        window = local.windows[name]
      }
    }

    latency_p95 = {
      for name in keys(local.watched) : name => {
        quantile     = 0.95
        milliseconds = local.thresholds[name].latency_p95_ms
        least        = local.thresholds[name].min_requests
        windows      = [local.windows[name]]
      }
    }

    latency_p99 = {
      for name in keys(local.watched) : name => {
        quantile     = 0.99
        milliseconds = local.thresholds[name].latency_p99_ms
        least        = local.thresholds[name].min_requests
        windows      = [local.windows[name]]
      }
    }

    # An instance loads each of its models, so a cold start of two models is two loads.
    cold_starts = {
      for name, function in local.watched : name => {
        ratio  = local.thresholds[name].cold_start_ratio * max(1, length(function.models))
        least  = local.thresholds[name].min_requests
        window = local.windows[name]
      }
    }

    # Idle instances take requests at once; where all are active, the next request waits. A
    # function that may have one instance is always at its maximum, and has no such alert.
    instances = {
      for name, function in local.watched : name => {
        active = local.thresholds[name].instance_ratio * function.max_instances
      } if function.max_instances > 1
    }

    load_failures = { for name in keys(local.watched) : name => { window = local.windows[name] } }

    availability_fast_burn = {
      for name in keys(local.watched) : name => {
        ratio   = local.burns.fast_burn.rate * (1 - local.objectives[name].availability)
        least   = local.thresholds[name].min_requests
        windows = local.burns.fast_burn.windows
      }
    }

    availability_slow_burn = {
      for name in keys(local.watched) : name => {
        ratio   = local.burns.slow_burn.rate * (1 - local.objectives[name].availability)
        least   = local.thresholds[name].min_requests
        windows = local.burns.slow_burn.windows
      }
    }

    # More than a share s of the requests is too slow if the quantile 1 - s is.
    latency_fast_burn = {
      for name in keys(local.watched) : name => {
        quantile     = 1 - local.burns.fast_burn.rate * (1 - local.objectives[name].latency)
        milliseconds = local.objectives[name].latency_ms
        least        = local.thresholds[name].min_requests
        windows      = local.burns.fast_burn.windows
      }
    }

    latency_slow_burn = {
      for name in keys(local.watched) : name => {
        quantile     = 1 - local.burns.slow_burn.rate * (1 - local.objectives[name].latency)
        milliseconds = local.objectives[name].latency_ms
        least        = local.thresholds[name].min_requests
        windows      = local.burns.slow_burn.windows
      }
    }
  }

  # How long a query must give something before people are woken; a policy has one, so that the
  # longest window holds for all functions.
  durations = {
    instances  = "${max([for limits in values(local.thresholds) : limits.window_minutes]...) * 60}s"
    no_traffic = "60s"
    uptime     = "60s"
  }

  here = "monitored_resource=\"cloud_run_revision\",location=~\"${join("|", local.regions)}\""

  # Functions with the same limits share a part of the query.
  groups = {
    for alert, limits in local.limits : alert => [
      for key, names in { for name, limit in limits : jsonencode(limit) => name... } :
      merge(jsondecode(key), { series = "${local.here},service_name=~\"${join("|", names)}\"" })
    ]
  }
}

resource "google_monitoring_alert_policy" "metric" {
  for_each = {
    for alert, parts in local.queries : alert => join("\nor\n", parts)
    if length(parts) > 0 && (var.alerts == "all" || local.guides[alert].essential)
  }

  project               = var.project_id
  display_name          = "${local.guides[each.key].title} (${var.environment})"
  severity              = local.guides[each.key].severity
  notification_channels = local.channels
  user_labels           = { environment = var.environment, alert = each.key }
  combiner              = "OR"

  conditions {
    display_name = local.guides[each.key].condition

    condition_prometheus_query_language {
      query               = each.value
      duration            = try(local.durations[each.key], "0s")
      evaluation_interval = "60s" # as often as Cloud Run writes; each evaluation is paid

      # A metric of logs is known to Cloud Monitoring minutes after it is made, and a policy is
      # otherwise refused (404) until then.
      disable_metric_validation = true
    }
  }

  alert_strategy {
    auto_close = "${var.auto_close_minutes * 60}s"
  }

  documentation {
    subject   = "${local.guides[each.key].title}: $${metric_or_resource.label.service_name} (${var.environment})"
    content   = local.documentation[each.key]
    mime_type = "text/markdown"

    dynamic "links" {
      for_each = startswith(var.runbook, "https://") ? [local.links[each.key]] : []
      content {
        display_name = "Runbook"
        url          = links.value
      }
    }
  }
}

# A refusal is one line, and that line is what people need: so the log itself is matched, and the
# incident tells model, version and code. Instances that come later refuse it again, so mails are
# limited, which Cloud Monitoring does for such policies alone. It does so for the whole policy, so
# each function has its own; no metric is referred to.
resource "google_monitoring_alert_policy" "refused" {
  for_each = local.watched

  project               = var.project_id
  display_name          = "${local.guides.refused.title}: ${each.key} (${var.environment})"
  severity              = local.guides.refused.severity
  notification_channels = local.channels
  user_labels           = { environment = var.environment, function = each.key, alert = "refused" }
  combiner              = "OR"

  conditions {
    display_name = local.guides.refused.condition

    condition_matched_log {
      filter = join("\n", concat(
        local.log_clauses,
        ["resource.labels.service_name=\"${each.key}\""],
        local.log_metrics.refusals.clauses,
      ))
      label_extractors = {
        model   = "EXTRACT(jsonPayload.model)"
        version = "EXTRACT(jsonPayload.version)"
        code    = "EXTRACT(jsonPayload.code)"
      }
    }
  }

  alert_strategy {
    auto_close = "${var.auto_close_minutes * 60}s"

    notification_rate_limit {
      period = "3600s"
    }
  }

  documentation {
    subject   = "${local.guides.refused.title}: ${each.key} (${var.environment})"
    content   = "$${log.extracted_label.model} $${log.extracted_label.version}: $${log.extracted_label.code}\n\n${local.documentation_of[each.key].refused}"
    mime_type = "text/markdown"

    dynamic "links" {
      for_each = startswith(var.runbook, "https://") ? [local.links.refused] : []
      content {
        display_name = "Runbook"
        url          = links.value
      }
    }
  }
}
