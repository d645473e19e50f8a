# What is open to the world: 443, and 80 for nothing but the way to 443.

# One for each name, as a certificate cannot be changed: a name that is added leaves the others'
# certificates alone, where one certificate for all would be made anew, and none of them would
# answer until Google has issued it.
resource "google_compute_managed_ssl_certificate" "host" {
  for_each = var.certificate_map == null ? toset(keys(var.hosts)) : toset([])

  project     = var.project_id
  name        = "${var.name}-${substr(sha256(each.key), 0, 12)}"
  description = each.key

  managed {
    domains = [each.key]
  }

  # The proxy lets go of it first.
  lifecycle {
    create_before_destroy = true
  }
}

# RESTRICTED leaves the ciphers with forward secrecy and authenticated encryption.
resource "google_compute_ssl_policy" "edge" {
  project         = var.project_id
  name            = var.name
  profile         = "RESTRICTED"
  min_tls_version = var.min_tls_version
}

resource "google_compute_target_https_proxy" "edge" {
  project          = var.project_id
  name             = var.name
  url_map          = google_compute_url_map.edge.id
  ssl_policy       = google_compute_ssl_policy.edge.id
  ssl_certificates = var.certificate_map == null ? [for host in sort(keys(var.hosts)) : google_compute_managed_ssl_certificate.host[host].id] : null
  certificate_map  = var.certificate_map == null ? null : "//certificatemanager.googleapis.com/${var.certificate_map}"
}

resource "google_compute_global_forwarding_rule" "https" {
  project               = var.project_id
  name                  = "${var.name}-https"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.edge.id
  port_range            = "443"
  target                = google_compute_target_https_proxy.edge.id
}

resource "google_compute_target_http_proxy" "redirect" {
  project = var.project_id
  name    = "${var.name}-redirect"
  url_map = google_compute_url_map.redirect.id
}

resource "google_compute_global_forwarding_rule" "http" {
  project               = var.project_id
  name                  = "${var.name}-http"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.edge.id
  port_range            = "80"
  target                = google_compute_target_http_proxy.redirect.id
}
