# Metrics, alerts, objectives and a dashboard of all functions.

module "monitoring" {
  source = "./modules/monitoring"
  count  = var.monitoring.enabled ? 1 : 0

  project_id            = var.project_id
  region                = var.region
  more_regions          = setsubtract(flatten(values(local.regions)), [var.region])
  environment           = var.environment
  alerts                = var.monitoring.alerts
  notification_emails   = var.monitoring.emails
  notification_channels = var.monitoring.channels
  thresholds            = var.monitoring.thresholds
  slo                   = var.monitoring.slo
  auto_close_minutes    = var.monitoring.auto_close_minutes
  runbook               = var.monitoring.runbook
  budget                = var.monitoring.budget

  # What `models` says of a function, and what `monitoring` adds.
  functions = {
    for name, function in var.models : name => merge(
      try(var.monitoring.functions[name], {}),
      {
        url           = local.endpoints[name].url
        models        = function.models
        registry      = lookup(local.endpoints[name].environment, "MODEL_REGISTRY", null)
        max_instances = function.max_instances
        ingress       = function.ingress
      },
    )
  }

  depends_on = [google_project_service.needed]
}
