# What is promised of each function, and how fast the budget for errors is spent.

locals {
  slo_names = {
    for name in keys(var.functions) : name => {
      availability = google_monitoring_slo.availability[name].name
      latency      = google_monitoring_slo.latency[name].name
    }
  }

  # Alerts ask for the same shares of the same metrics themselves (queries.tf), because a burn rate of
  # Cloud Monitoring's own is that of one objective, and each would be paid for.
  #
  # At 14.4 times the rate that the budget bears, a 28-day budget is gone in two days; at 6 times, in
  # five. The short window ends the alert soon after the trouble.
  # Source: https://sre.google/workbook/alerting-on-slos/
  burns = {
    fast_burn = { rate = 14.4, windows = ["3600s", "300s"] }
    slow_burn = { rate = 6, windows = ["21600s", "1800s"] }
  }
}

resource "google_monitoring_custom_service" "function" {
  for_each = var.functions

  project      = var.project_id
  service_id   = "${var.environment}-${each.key}"
  display_name = "${each.key} (${var.environment})"
  user_labels  = { environment = var.environment, function = each.key }

  telemetry {
    resource_name = "//run.googleapis.com/projects/${var.project_id}/locations/${var.region}/services/${each.key}"
  }
}

# As the platform counts: what never reached the function is among it. What clients did wrong (4xx)
# is answered as it should be.
resource "google_monitoring_slo" "availability" {
  for_each = var.functions

  project             = var.project_id
  service             = google_monitoring_custom_service.function[each.key].service_id
  slo_id              = "availability"
  display_name        = "${local.objectives[each.key].availability * 100} % of the requests are not answered 5xx"
  goal                = local.objectives[each.key].availability
  rolling_period_days = local.objectives[each.key].days

  request_based_sli {
    good_total_ratio {
      total_service_filter = "metric.type=\"run.googleapis.com/request_count\" AND ${local.series[each.key]}"
      bad_service_filter   = "metric.type=\"run.googleapis.com/request_count\" AND metric.labels.response_code_class=\"5xx\" AND ${local.series[each.key]}"
    }
  }
}

resource "google_monitoring_slo" "latency" {
  for_each = var.functions

  project             = var.project_id
  service             = google_monitoring_custom_service.function[each.key].service_id
  slo_id              = "latency"
  display_name        = "${local.objectives[each.key].latency * 100} % of the requests are answered within ${local.objectives[each.key].latency_ms} ms"
  goal                = local.objectives[each.key].latency
  rolling_period_days = local.objectives[each.key].days

  request_based_sli {
    distribution_cut {
      distribution_filter = "metric.type=\"run.googleapis.com/request_latencies\" AND ${local.series[each.key]}"
      range {
        min = 0
        max = local.objectives[each.key].latency_ms
      }
    }
  }
}
