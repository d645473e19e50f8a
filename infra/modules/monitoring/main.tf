# What people see of the functions, and what wakes them: log-based metrics, alerts, objectives, a
# dashboard, and as asked for uptime checks and a budget.

locals {
  regions = sort(setunion([var.region], var.more_regions))

  thresholds = {
    for name, function in var.functions : name => merge({
      error_ratio      = 0.05
      latency_p95_ms   = 500
      latency_p99_ms   = 2000
      cold_start_ratio = 0.2
      instance_ratio   = 0.8
      min_requests     = 20
      window_minutes   = 5
    }, var.thresholds, function.thresholds)
  }
  objectives = {
    for name, function in var.functions : name => merge({
      availability = 0.995
      latency      = 0.95
      latency_ms   = 500
      days         = 28
    }, var.slo, function.slo)
  }

  # A function's own time series, among all of the project.
  series = {
    for name in keys(var.functions) : name => join(" AND ", [
      "resource.type=\"cloud_run_revision\"",
      "resource.labels.service_name=\"${name}\"",
      "resource.labels.location=${length(local.regions) == 1 ? jsonencode(var.region) : "one_of(${join(",", formatlist("\"%s\"", local.regions))})"}",
    ])
  }
}

# Its number is part of the names of Google's own accounts, and budgets know no ids.
data "google_project" "this" {
  count = length(local.checked) > 0 || var.budget != null ? 1 : 0

  project_id = var.project_id
}
