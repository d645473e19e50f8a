# Metrics, alerts, objectives and a dashboard of all functions.

module "monitoring" {
  source = "./modules/monitoring"
  count  = var.monitoring.enabled ? 1 : 0

  project_id            = local.ready_project
  region                = var.region
  environment           = var.environment
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
        url           = module.function[name].url
        models        = function.models
        registry      = lookup(module.function[name].environment, "MODEL_REGISTRY", null)
        max_instances = function.max_instances
        ingress       = function.ingress
      },
    )
  }
}
