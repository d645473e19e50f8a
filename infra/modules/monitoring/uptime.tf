# A check from outside, of functions that ask for one: it shows what no metric of the function can,
# that nobody gets through to it.

locals {
  checked = { for name, function in var.functions : name => function if function.uptime != null }
}

resource "google_monitoring_uptime_check_config" "ready" {
  for_each = local.checked

  project            = var.project_id
  display_name       = "${each.key} is ready (${var.environment})"
  period             = "${each.value.uptime.period_seconds}s"
  timeout            = "${each.value.uptime.timeout_seconds}s"
  checker_type       = "STATIC_IP_CHECKERS"
  log_check_failures = true
  user_labels        = { environment = var.environment, function = each.key }

  monitored_resource {
    type = "uptime_url"
    labels = {
      project_id = var.project_id
      host       = split("/", trimprefix(each.value.url, "https://"))[0]
    }
  }

  http_check {
    path         = "/v2/health/ready"
    port         = 443
    use_ssl      = true
    validate_ssl = true

    # The token of Cloud Monitoring's own account, made anew for each check: there is no secret.
    service_agent_authentication {
      type = "OIDC_TOKEN"
    }
  }
}

# Cloud Monitoring makes this account with the first check that needs it, so the check comes first;
# until the right is there it fails, which an alert's window outlasts.
resource "google_cloud_run_v2_service_iam_member" "checker" {
  for_each = local.checked

  project  = var.project_id
  location = var.region
  name     = each.key
  role     = "roles/run.invoker"
  member   = "serviceAccount:service-${data.google_project.this[0].number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com"

  depends_on = [google_monitoring_uptime_check_config.ready]
}
