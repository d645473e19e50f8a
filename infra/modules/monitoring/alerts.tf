# When people are woken. Each alert of each function is one policy; what it tells is in
# guides.tf, and more in docs/8-runbook.md.

locals {
  watched = { for name, function in var.functions : name => function if function.alerts }

  windows = { for name, limits in local.thresholds : name => "${limits.window_minutes * 60}s" }

  # Of one request, one error is all: shares are looked at only where there is enough traffic.
  enough = {
    for name, limits in local.thresholds : name => {
      name    = "more than ${limits.min_requests} requests"
      filter  = "metric.type=\"run.googleapis.com/request_count\" AND ${local.series[name]}"
      aligner = "ALIGN_DELTA"
      reducer = "REDUCE_SUM"
      period  = local.windows[name]
      above   = limits.min_requests
    }
  }

  conditions = {
    for name, function in local.watched : name => {
      for alert, conditions in {
        error_ratio = [
          {
            name        = "more than ${local.thresholds[name].error_ratio * 100} % answered 5xx"
            filter      = "metric.type=\"run.googleapis.com/request_count\" AND metric.labels.response_code_class=\"5xx\" AND ${local.series[name]}"
            denominator = "metric.type=\"run.googleapis.com/request_count\" AND ${local.series[name]}"
            aligner     = "ALIGN_DELTA"
            reducer     = "REDUCE_SUM"
            period      = local.windows[name]
            above       = local.thresholds[name].error_ratio
          },
          local.enough[name],
        ]

        latency_p95 = [
          {
            name    = "p95 above ${local.thresholds[name].latency_p95_ms} ms"
            filter  = "metric.type=\"run.googleapis.com/request_latencies\" AND ${local.series[name]}"
            aligner = "ALIGN_DELTA"
            reducer = "REDUCE_PERCENTILE_95"
            period  = local.windows[name]
            above   = local.thresholds[name].latency_p95_ms
          },
          local.enough[name],
        ]

        latency_p99 = [
          {
            name    = "p99 above ${local.thresholds[name].latency_p99_ms} ms"
            filter  = "metric.type=\"run.googleapis.com/request_latencies\" AND ${local.series[name]}"
            aligner = "ALIGN_DELTA"
            reducer = "REDUCE_PERCENTILE_99"
            period  = local.windows[name]
            above   = local.thresholds[name].latency_p99_ms
          },
          local.enough[name],
        ]

        # An instance loads each of its models, so a cold start of two models is two loads.
        cold_starts = [
          {
            name        = "more than ${local.thresholds[name].cold_start_ratio} loads of each model for a request"
            filter      = "metric.type=\"${local.metric_types.loads}\" AND ${local.series[name]}"
            denominator = "metric.type=\"run.googleapis.com/request_count\" AND ${local.series[name]}"
            aligner     = "ALIGN_DELTA"
            reducer     = "REDUCE_SUM"
            period      = local.windows[name]
            above       = local.thresholds[name].cold_start_ratio * max(1, length(function.models))
          },
          local.enough[name],
        ]

        # Idle instances take requests at once; where all are active, the next request waits. A
        # function that may have one instance is always at its maximum, and has no such alert.
        instances = function.max_instances == 1 ? null : [
          {
            name     = "more than ${local.thresholds[name].instance_ratio * 100} % of ${function.max_instances} instances are active"
            filter   = "metric.type=\"run.googleapis.com/container/instance_count\" AND metric.labels.state=\"active\" AND ${local.series[name]}"
            aligner  = "ALIGN_MAX"
            reducer  = "REDUCE_SUM"
            period   = "60s"
            above    = local.thresholds[name].instance_ratio * function.max_instances
            duration = local.windows[name]
          },
        ]

        # Refusals have an alert of their own.
        load_failures = [
          {
            name     = "a model could not be loaded"
            group_by = ["metric.labels.model", "metric.labels.code"]
            filter   = "metric.type=\"${local.metric_types.load_failures}\" AND metric.labels.code=monitoring.regex.full_match(\"${join("|", local.failures)}\") AND ${local.series[name]}"
            aligner  = "ALIGN_DELTA"
            reducer  = "REDUCE_SUM"
            period   = local.windows[name]
            above    = 0
          },
        ]

        # A function that scaled to zero sends no zeros: what is missing counts as too little.
        no_traffic = function.expects == null ? null : [
          {
            name     = "fewer than ${function.expects.requests} requests in ${function.expects.minutes} minutes"
            filter   = "metric.type=\"run.googleapis.com/request_count\" AND ${local.series[name]}"
            aligner  = "ALIGN_DELTA"
            reducer  = "REDUCE_SUM"
            period   = "${function.expects.minutes * 60}s"
            below    = function.expects.requests
            duration = "60s"
            missing  = "EVALUATION_MISSING_DATA_ACTIVE"
          },
        ]

        # Of the regions that check, two must fail: one may have trouble of its own.
        uptime = function.uptime == null ? null : [
          {
            name     = "checks from two regions fail"
            filter   = "metric.type=\"monitoring.googleapis.com/uptime_check/check_passed\" AND resource.type=\"uptime_url\" AND metric.labels.check_id=\"${google_monitoring_uptime_check_config.ready[name].uptime_check_id}\""
            aligner  = "ALIGN_NEXT_OLDER"
            reducer  = "REDUCE_COUNT_FALSE"
            group_by = ["resource.labels.project_id", "resource.labels.host"]
            period   = "${max(1200, 2 * function.uptime.period_seconds)}s"
            above    = 1
            duration = "60s"
          },
        ]

        availability_fast_burn = concat([
          for window in local.burns.fast_burn.windows : {
            name   = "availability: ${local.burns.fast_burn.rate} times the budget over ${window}"
            filter = "select_slo_burn_rate(\"${local.slo_names[name].availability}\", \"${window}\")"
            above  = local.burns.fast_burn.rate
          }
        ], [merge(local.enough[name], { period = local.burns.fast_burn.windows[0] })])
        availability_slow_burn = concat([
          for window in local.burns.slow_burn.windows : {
            name   = "availability: ${local.burns.slow_burn.rate} times the budget over ${window}"
            filter = "select_slo_burn_rate(\"${local.slo_names[name].availability}\", \"${window}\")"
            above  = local.burns.slow_burn.rate
          }
        ], [merge(local.enough[name], { period = local.burns.slow_burn.windows[0] })])
        latency_fast_burn = concat([
          for window in local.burns.fast_burn.windows : {
            name   = "latency: ${local.burns.fast_burn.rate} times the budget over ${window}"
            filter = "select_slo_burn_rate(\"${local.slo_names[name].latency}\", \"${window}\")"
            above  = local.burns.fast_burn.rate
          }
        ], [merge(local.enough[name], { period = local.burns.fast_burn.windows[0] })])
        latency_slow_burn = concat([
          for window in local.burns.slow_burn.windows : {
            name   = "latency: ${local.burns.slow_burn.rate} times the budget over ${window}"
            filter = "select_slo_burn_rate(\"${local.slo_names[name].latency}\", \"${window}\")"
            above  = local.burns.slow_burn.rate
          }
        ], [merge(local.enough[name], { period = local.burns.slow_burn.windows[0] })])
      } : alert => conditions if conditions != null
    }
  }

  policies = merge([
    for name, alerts in local.conditions : {
      for alert, conditions in alerts : "${name} ${alert}" => {
        function   = name
        alert      = alert
        conditions = conditions
      }
    }
  ]...)
}

resource "google_monitoring_alert_policy" "metric" {
  for_each = local.policies

  project               = var.project_id
  display_name          = "${each.value.function}: ${local.guides[each.value.alert].title} (${var.environment})"
  severity              = local.guides[each.value.alert].severity
  notification_channels = local.channels
  user_labels           = { environment = var.environment, function = each.value.function, alert = each.value.alert }

  # All of them at once: a share and enough traffic, a long window and a short one.
  combiner = "AND"

  dynamic "conditions" {
    for_each = each.value.conditions
    content {
      display_name = conditions.value.name

      condition_threshold {
        filter                  = conditions.value.filter
        comparison              = can(conditions.value.below) ? "COMPARISON_LT" : "COMPARISON_GT"
        threshold_value         = try(conditions.value.below, conditions.value.above)
        duration                = try(conditions.value.duration, "0s")
        evaluation_missing_data = try(conditions.value.missing, null)
        denominator_filter      = try(conditions.value.denominator, null)

        # A burn rate comes computed.
        dynamic "aggregations" {
          for_each = can(conditions.value.aligner) ? [conditions.value] : []
          content {
            alignment_period     = aggregations.value.period
            per_series_aligner   = aggregations.value.aligner
            cross_series_reducer = aggregations.value.reducer
            group_by_fields      = try(aggregations.value.group_by, null)
          }
        }

        dynamic "denominator_aggregations" {
          for_each = can(conditions.value.denominator) ? [conditions.value] : []
          content {
            alignment_period     = denominator_aggregations.value.period
            per_series_aligner   = denominator_aggregations.value.aligner
            cross_series_reducer = denominator_aggregations.value.reducer
          }
        }
      }
    }
  }

  alert_strategy {
    auto_close = "${var.auto_close_minutes * 60}s"
  }

  documentation {
    subject   = "${local.guides[each.value.alert].title}: ${each.value.function} (${var.environment})"
    content   = local.documentation[each.value.function][each.value.alert]
    mime_type = "text/markdown"

    dynamic "links" {
      for_each = startswith(var.runbook, "https://") ? [local.links[each.value.alert]] : []
      content {
        display_name = "Runbook"
        url          = links.value
      }
    }
  }
}

# A refusal is one line, and that line is what people need: so the log itself is matched, and the
# incident tells model, version and code. Instances that come later refuse it again, so mails are
# limited, which Cloud Monitoring does for such policies alone.
resource "google_monitoring_alert_policy" "refused" {
  for_each = local.watched

  project               = var.project_id
  display_name          = "${each.key}: ${local.guides.refused.title} (${var.environment})"
  severity              = local.guides.refused.severity
  notification_channels = local.channels
  user_labels           = { environment = var.environment, function = each.key, alert = "refused" }
  combiner              = "OR"

  conditions {
    display_name = "an artifact was refused"

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
    content   = "$${log.extracted_label.model} $${log.extracted_label.version}: $${log.extracted_label.code}\n\n${local.documentation[each.key].refused}"
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
