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
  for_each = local.used

  project               = var.project_id
  region                = var.region
  name                  = "${var.name}-${local.short[each.key]}-${substr(sha256("${var.region} ${var.functions[each.key]}"), 0, 6)}"
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = var.functions[each.key]
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

  backend {
    group = google_compute_region_network_endpoint_group.function[each.key].id
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
