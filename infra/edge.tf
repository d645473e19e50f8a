# Public names, for those who need them: without `public_edge` there is no load balancer, and nothing
# of this costs.

# The names are those of `models` and not what the functions give out: then the edge does not depend
# on the functions. Terraform spreads create_before_destroy, which the edge needs, to all that depends
# on nothing else; a function whose build failed would be made a second time before it is deleted, and
# Google answers 409 to that.
module "edge" {
  source = "./modules/public_edge"
  count  = var.public_edge == null ? 0 : 1

  project_id             = var.project_id
  region                 = var.region
  name                   = "predictions-${var.environment}"
  functions              = { for name in keys(var.models) : name => name }
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
