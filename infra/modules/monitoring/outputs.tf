output "dashboard_id" {
  description = "Id of the dashboard: projects/N/dashboards/D."
  value       = google_monitoring_dashboard.functions.id
}

output "dashboard_url" {
  description = "The dashboard in the console."
  value       = "https://console.cloud.google.com/monitoring/dashboards/builder/${reverse(split("/", google_monitoring_dashboard.functions.id))[0]}?project=${var.project_id}"
}

output "channels" {
  description = "Everybody who is told, as ids of notification channels."
  value       = local.channels
}

output "metrics" {
  description = "Types of the log-based metrics, for charts and alerts of your own."
  value       = local.metric_types
}

output "alerts" {
  description = "Names of the alert policies: each is of all functions, `refused NAME` of one."
  value       = sort(concat(keys(google_monitoring_alert_policy.metric), [for name in keys(google_monitoring_alert_policy.refused) : "refused ${name}"]))
}

output "slos" {
  description = "Names of the objectives of each function."
  value       = local.slo_names
}
