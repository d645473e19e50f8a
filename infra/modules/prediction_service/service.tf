locals {
  ingress = {
    ALLOW_ALL               = "INGRESS_TRAFFIC_ALL"
    ALLOW_INTERNAL_ONLY     = "INGRESS_TRAFFIC_INTERNAL_ONLY"
    ALLOW_INTERNAL_AND_GCLB = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
  }
}

resource "google_cloud_run_v2_service" "service" {
  project              = var.project_id
  location             = var.region
  name                 = var.name
  description          = "Predictions of ${length(var.models) == 0 ? "the models in its image" : join(", ", var.models)}"
  labels               = var.labels
  ingress              = local.ingress[var.ingress]
  custom_audiences     = var.custom_audiences
  invoker_iam_disabled = var.invoker_iam_disabled

  # terraform_data.protected refuses a plan as a whole. The provider's own protection would refuse when
  # it is the service's turn, and keep one whose first revision failed, which must be made anew.
  deletion_protection = false

  dynamic "build_config" {
    for_each = local.is_built ? [local.source_location] : []
    content {
      source_location          = build_config.value
      function_target          = var.entry_point
      image_uri                = local.image
      base_image               = local.base_image
      enable_automatic_updates = local.is_updated_by_cloud
      service_account          = var.build_service_account == null ? module.build[0].id : var.build_service_account.id
      worker_pool              = var.build_worker_pool

      # Images have no file times: without this, each cold start would compile the modules again.
      environment_variables = merge(
        { SOURCE_DATE_EPOCH = "315532800" },
        var.rebuild == null ? {} : { REBUILD = var.rebuild },
      )
    }
  }

  dynamic "binary_authorization" {
    for_each = var.binary_authorization_policy == null ? [] : [var.binary_authorization_policy]
    content {
      use_default = binary_authorization.value == "default" ? true : null
      policy      = binary_authorization.value == "default" ? null : binary_authorization.value
    }
  }

  # Of the whole service: with several revisions, each would otherwise keep as many.
  scaling {
    min_instance_count = var.min_instances
    max_instance_count = var.max_instances
  }

  template {
    service_account                  = google_service_account.service.email
    timeout                          = "${var.timeout_seconds}s"
    max_instance_request_concurrency = var.concurrency
    session_affinity                 = var.session_affinity
    encryption_key                   = var.kms_key_name

    # Full Linux: volumes need it, and LiteRT's kernels run as they were measured.
    execution_environment = "EXECUTION_ENVIRONMENT_GEN2"

    scaling {
      max_instance_count = var.max_instances
    }

    containers {
      image          = local.image
      base_image_uri = local.is_updated_by_cloud ? local.base_image : null

      resources {
        limits            = { cpu = var.cpu, memory = var.memory }
        cpu_idle          = true
        startup_cpu_boost = var.startup_cpu_boost
      }

      # Asked every second, because what is asked less often is ready that much later.
      startup_probe {
        period_seconds    = 1
        timeout_seconds   = 1
        failure_threshold = var.startup_seconds

        http_get {
          path = "/v2/health/${var.startup_probe}"
        }
      }

      # Whether the process answers, not whether its models are there: a restart mends no registry.
      dynamic "liveness_probe" {
        for_each = var.liveness.enabled ? [var.liveness] : []
        content {
          period_seconds    = liveness_probe.value.period_seconds
          timeout_seconds   = liveness_probe.value.timeout_seconds
          failure_threshold = liveness_probe.value.failure_threshold

          http_get {
            path = "/v2/health/live"
          }
        }
      }

      dynamic "env" {
        for_each = merge(local.settings, var.env)
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = local.secret_env
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = env.value.name
              version = env.value.version
            }
          }
        }
      }

      dynamic "volume_mounts" {
        for_each = var.mount_registry ? [local.mount_path] : []
        content {
          name       = "registry"
          mount_path = volume_mounts.value
        }
      }

      dynamic "volume_mounts" {
        for_each = local.secret_volumes
        content {
          name       = volume_mounts.value.volume
          mount_path = volume_mounts.key
        }
      }
    }

    dynamic "volumes" {
      for_each = var.mount_registry ? [regex("^gs://([^/]+)", var.model_registry)[0]] : []
      content {
        name = "registry"
        gcs {
          bucket    = volumes.value
          read_only = true

          # The registry's folders are names alone, which are folders only if they are implied; and an
          # alias that was moved is to be seen at the next look, not a minute later.
          mount_options = ["implicit-dirs", "metadata-cache-ttl-secs=0"]
        }
      }
    }

    dynamic "volumes" {
      for_each = local.secret_volumes
      content {
        name = volumes.value.volume
        secret {
          secret = volumes.value.name
          items {
            path    = coalesce(volumes.value.file, volumes.value.secret)
            version = volumes.value.version
          }
        }
      }
    }

    dynamic "vpc_access" {
      for_each = var.vpc == null ? [] : [var.vpc]
      content {
        connector = vpc_access.value.connector
        egress    = vpc_access.value.egress

        dynamic "network_interfaces" {
          for_each = vpc_access.value.connector == null ? [vpc_access.value] : []
          content {
            network    = network_interfaces.value.network
            subnetwork = network_interfaces.value.subnetwork
            tags       = network_interfaces.value.tags
          }
        }
      }
    }
  }

  # Said even where all goes to the latest: what is left out stays as it was.
  dynamic "traffic" {
    for_each = length(var.traffic) == 0 ? { latest = { percent = 100, tag = null } } : var.traffic
    content {
      type     = traffic.key == "latest" ? "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST" : "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
      revision = traffic.key == "latest" ? null : traffic.key
      percent  = traffic.value.percent
      tag      = traffic.value.tag
    }
  }

  # A service that starts before it may read would fail its first requests.
  depends_on = [
    google_storage_bucket_iam_member.models,
    google_secret_manager_secret_iam_member.service,
  ]
}

# What Google has of it. The plan of a change reads this after the change, so that whatever mends a
# service can be applied; a condition of the service itself would refuse that, too.
data "google_cloud_run_v2_service" "deployed" {
  project  = var.project_id
  location = google_cloud_run_v2_service.service.location
  name     = google_cloud_run_v2_service.service.name

  lifecycle {
    postcondition {
      condition     = self.terminal_condition[0].state == "CONDITION_SUCCEEDED"
      error_message = "${var.name}: expected its newest revision to be ready, and it is not: ${coalesce(try(self.terminal_condition[0].message, null), "no reason was given")} What was there before answers. See why with `gcloud run services describe ${var.name} --region=${var.region} --project=${var.project_id}`, mend it, and apply."
    }
  }

  depends_on = [google_cloud_run_v2_service.service]
}

# A plan that would delete the service, or move it, is refused as a whole.
resource "terraform_data" "protected" {
  count = var.deletion_protection ? 1 : 0

  triggers_replace = { project = var.project_id, region = var.region, name = var.name }

  lifecycle {
    prevent_destroy = true
  }
}
