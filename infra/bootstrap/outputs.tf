output "pipelines" {
  description = "What each pipeline's variables are on GitHub, by environment; Cloud Build's triggers have them."
  value = {
    for name, delivery in module.delivery : name => {
      PROJECT_ID                 = var.environments[name].project_id
      REGION                     = var.environments[name].region
      PIPELINE_ACCOUNT           = delivery.pipeline_account
      SMOKE_ACCOUNT              = delivery.smoke_account
      ROLLBACK_ACCOUNT           = delivery.rollback_account
      WORKLOAD_IDENTITY_PROVIDER = delivery.workload_identity_provider
      REGISTRY                   = delivery.registry
      FROM_REGISTRY              = var.environments[name].from == null ? "" : local.registries[var.environments[name].from]
      SIGNING_KEY                = delivery.signing_key
      STATE_BUCKET               = delivery.state_bucket
      DELIVERY_BUCKET            = delivery.delivery_bucket
    }
  }
}
