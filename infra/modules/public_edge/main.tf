# Public names for functions: a load balancer with certificates, and a policy of who may pass.
# It adds no identity: a function that is not public still wants a token from whoever calls.

locals {
  used = toset(flatten([
    for host in values(var.hosts) : concat(values(host.paths), compact([host.function]))
  ]))

  # Names have at most 63 characters; of a long one, a digest tells two apart.
  short = {
    for function in local.used :
    function => length(function) <= 24 ? function : "${substr(function, 0, 17)}-${substr(sha256(function), 0, 6)}"
  }

  # One backend for each region; that of the region of all others keeps the function's name as its key.
  placed = { for function in local.used : function => lookup(var.regions, function, [var.region]) }
  groups = merge([
    for function, regions in local.placed : {
      for region in regions : (region == var.region ? function : "${function} ${region}") => { function = function, region = region }
    }
  ]...)
}

resource "google_compute_global_address" "edge" {
  project         = var.project_id
  name            = var.name
  description     = "What DNS points to."
  deletion_policy = "DELETE"
}

# A plan that would give the address away is refused as a whole; the provider's own protection refuses
# when the listeners are gone.
resource "terraform_data" "protected" {
  count = var.deletion_protection ? 1 : 0

  triggers_replace = { project = var.project_id, name = var.name }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_compute_region_network_endpoint_group" "function" {
  for_each = local.groups

  project               = var.project_id
  region                = each.value.region
  name                  = "${var.name}-${local.short[each.value.function]}-${substr(sha256("${each.value.region} ${var.functions[each.value.function]}"), 0, 6)}"
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = var.functions[each.value.function]
  }

  # The backend points to the new one before the former goes.
  lifecycle {
    create_before_destroy = true
  }
}

# No timeout and no port: of a serverless backend, the function's own timeout holds, and Google
# refuses either.
resource "google_compute_backend_service" "function" {
  for_each = local.used

  project               = var.project_id
  name                  = "${var.name}-${local.short[each.key]}"
  description           = "Function ${var.functions[each.key]}"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"
  security_policy       = google_compute_security_policy.edge.id

  dynamic "backend" {
    for_each = { for key, group in local.groups : key => group if group.function == each.key }
    content {
      group = google_compute_region_network_endpoint_group.function[backend.key].id
    }
  }

  # Serverless backends have no health check: what a region answers tells whether it is well. Without
  # this a region that fails is asked for ever. At most half of the regions are left out at once.
  dynamic "outlier_detection" {
    for_each = length(local.placed[each.key]) > 1 ? [each.key] : []
    content {
      consecutive_errors                    = 5
      enforcing_consecutive_errors          = 100
      consecutive_gateway_failure           = 3
      enforcing_consecutive_gateway_failure = 100
      max_ejection_percent                  = 50

      interval {
        seconds = 1
      }

      base_ejection_time {
        seconds = 180
      }
    }
  }

  log_config {
    enable      = true
    sample_rate = var.log_sample_rate
  }

  # The URL map lets go of a function before its backend goes.
  lifecycle {
    create_before_destroy = true
  }
}
