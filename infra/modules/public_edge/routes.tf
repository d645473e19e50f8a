# From a name and a path to a function; whatever is not in here is answered 404 by the load
# balancer, and reaches none.

locals {
  # A map needs a service even where it answers by itself.
  any_backend = google_compute_backend_service.function[sort(local.used)[0]].id

  matcher = { for host in keys(var.hosts) : host => "host-${substr(sha256(host), 0, 12)}" }
}

resource "google_compute_url_map" "edge" {
  project         = var.project_id
  name            = var.name
  default_service = local.any_backend

  default_route_action {
    fault_injection_policy {
      abort {
        http_status = 404
        percentage  = 100
      }
    }
  }

  dynamic "host_rule" {
    for_each = var.hosts
    content {
      hosts        = [host_rule.key]
      path_matcher = local.matcher[host_rule.key]
    }
  }

  dynamic "path_matcher" {
    for_each = var.hosts
    content {
      name            = local.matcher[path_matcher.key]
      description     = path_matcher.key
      default_service = path_matcher.value.function == null ? local.any_backend : google_compute_backend_service.function[path_matcher.value.function].id

      dynamic "default_route_action" {
        for_each = path_matcher.value.function == null ? [404] : []
        content {
          fault_injection_policy {
            abort {
              http_status = default_route_action.value
              percentage  = 100
            }
          }
        }
      }

      dynamic "path_rule" {
        for_each = path_matcher.value.paths
        content {
          paths   = [path_rule.key, "${path_rule.key}/*"]
          service = google_compute_backend_service.function[path_rule.value].id

          # A function knows its own routes and nothing of where it is put.
          route_action {
            url_rewrite {
              path_prefix_rewrite = "/"
            }
          }
        }
      }
    }
  }
}

# A permanent redirect of the older kind: clients follow it with GET. 308 would repeat the request,
# and a client that sends its token in the clear would work, and go on doing so.
resource "google_compute_url_map" "redirect" {
  project = var.project_id
  name    = "${var.name}-redirect"

  default_url_redirect {
    https_redirect         = true
    redirect_response_code = "MOVED_PERMANENTLY_DEFAULT"
    strip_query            = false
  }
}
