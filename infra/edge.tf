# Public names, for those who need them: without `public_edge` there is no load balancer, and nothing
# of this costs.

module "edge" {
  source = "./modules/public_edge"
  count  = var.public_edge == null ? 0 : 1

  project_id             = var.project_id
  region                 = var.region
  name                   = "predictions-${var.environment}"
  functions              = { for name, endpoint in local.endpoints : name => endpoint.name }
  regions                = { for name in keys(local.run_services) : name => local.regions[name] }
  hosts                  = var.public_edge.hosts
  certificate_map        = var.public_edge.certificate_map
  min_tls_version        = var.public_edge.min_tls_version
  rate_limit             = var.public_edge.rate_limit
  max_request_bytes      = var.public_edge.max_request_bytes
  require_content_length = var.public_edge.require_content_length
  allowed_regions        = var.public_edge.allowed_regions
  denied_regions         = var.public_edge.denied_regions
  allowed_ip_ranges      = var.public_edge.allowed_ip_ranges
  adaptive_protection    = var.public_edge.adaptive_protection
  waf                    = var.public_edge.waf
  log_sample_rate        = var.public_edge.log_sample_rate
  deletion_protection    = local.is_prod

  depends_on = [google_project_service.needed]
}
