# The entries of `models` that ask for a Cloud Run service in place of a function, in each of their
# regions; the rest of infra/ takes an endpoint as it comes.

locals {
  functions    = { for name, model in var.models : name => model if model.platform == "function" }
  run_services = { for name, model in var.models : name => model if model.platform == "service" }

  # A service in the region of all others keeps its name as its key.
  placed_services = merge([
    for name, model in local.run_services : {
      for region in local.regions[name] : (region == var.region ? name : "${name} ${region}") => merge(model, { name = name, region = region })
    }
  ]...)

  regions = { for name, model in var.models : name => coalesce(try(model.service.regions, null), [var.region]) }

  # By name, in the region of all others.
  endpoints = merge(module.function, { for name in keys(local.run_services) : name => module.service[name] })

  # Which public names lead to each.
  public_names = {
    for name in keys(local.run_services) : name => sort(distinct(flatten([
      for host, routes in try(var.public_edge.hosts, {}) : concat(
        routes.function == name ? ["https://${host}"] : [],
        [for path, function in routes.paths : "https://${host}${path}" if function == name],
      )
    ])))
  }

  builds_services  = anytrue([for model in values(local.run_services) : try(model.service.image, null) == null])
  makes_repository = local.builds_services && var.docker_repository == null
  image_repository = local.makes_repository ? "projects/${var.project_id}/locations/${var.region}/repositories/${google_artifact_registry_repository.images[0].repository_id}" : var.docker_repository
  service_accounts = { for key, service in local.placed_services : key => key == service.name ? null : "service-${substr(sha256(key), 0, 12)}" }
}

# Cloud Functions makes a repository by itself, and Cloud Run does not.
resource "google_artifact_registry_repository" "images" {
  count = local.makes_repository ? 1 : 0

  project       = var.project_id
  location      = var.region
  repository_id = "services-${var.environment}"
  description   = "Images of services, ${var.environment}"
  format        = "DOCKER"
  kms_key_name  = var.kms_key_name

  # Of each image, a few to roll back to.
  cleanup_policies {
    id     = "keep the newest"
    action = "KEEP"

    most_recent_versions {
      keep_count = 5
    }
  }

  cleanup_policies {
    id     = "delete the others"
    action = "DELETE"

    condition {
      older_than = "2592000s"
    }
  }

  depends_on = [google_project_service.needed]
}

module "service" {
  source   = "./modules/prediction_service"
  for_each = local.placed_services

  project_id                  = var.project_id
  region                      = each.value.region
  name                        = each.value.name
  service_account_id          = local.service_accounts[each.key]
  bundle                      = try(each.value.service.image, null) == null ? coalesce(each.value.bundle, var.bundle) : null
  image                       = try(each.value.service.image, null)
  rebuild                     = each.value.rebuild
  source_bucket               = module.sources.name
  build_service_account       = { id = module.build.id }
  build_worker_pool           = var.build_worker_pool
  docker_repository           = local.image_repository
  base_image                  = try(each.value.service.base_image, null)
  runtime                     = each.value.runtime
  runtime_updates             = each.value.runtime_updates
  entry_point                 = each.value.entry_point
  model_registry              = each.value.baked ? null : coalesce(each.value.registry, module.models.registry)
  model_bucket                = each.value.baked || each.value.registry != null ? null : module.models.name
  mount_registry              = try(each.value.service.mount_registry, null)
  models                      = each.value.models
  cpu                         = each.value.cpu
  memory                      = each.value.memory
  concurrency                 = each.value.concurrency
  min_instances               = each.value.min_instances
  max_instances               = each.value.max_instances
  timeout_seconds             = each.value.timeout_seconds
  startup_cpu_boost           = try(each.value.service.startup_cpu_boost, null)
  startup_probe               = try(each.value.service.startup_probe, null)
  startup_seconds             = try(each.value.service.startup_seconds, null)
  liveness                    = try(each.value.service.liveness, null)
  ingress                     = each.value.ingress
  invokers                    = each.value.invokers
  public                      = each.value.public
  invoker_iam_disabled        = try(each.value.service.invoker_iam_disabled, null)
  custom_audiences            = distinct(concat(coalesce(try(each.value.service.custom_audiences, null), []), local.public_names[each.value.name]))
  session_affinity            = try(each.value.service.session_affinity, null)
  traffic                     = try(each.value.service.traffic, null)
  env                         = each.value.env
  secrets                     = each.value.secrets
  secret_volumes              = each.value.secret_volumes
  vpc                         = each.value.vpc
  labels                      = each.value.labels
  kms_key_name                = var.kms_key_name
  binary_authorization_policy = var.binary_authorization_policy
  deletion_protection         = local.is_prod

  # Whoever may use the network sends through it.
  depends_on = [google_project_service.needed, google_compute_subnetwork_iam_member.cloud_run]
}
